import type { Edges } from '../edges.ts'
import type { AttachedSettings } from '../protocol/messages/registration.ts'
import type { Notifier } from '../system/wait.ts'
import type { EmitAttach } from './events.ts'
import type { ApiFailure } from './link/failure-meaning.ts'
import type { ServerApi } from './link/server-api.ts'
import type { DiskFloor } from './pool/disk-floor.ts'
import type { ExecutorHost } from './pool/host.ts'

/** The services that the parts of an attached runner share. */
export interface RunnerContext {
  edges: Edges
  api: ServerApi
  host: ExecutorHost
  disk: DiskFloor
  emit: EmitAttach
  /** The server's latest; undefined before the first registration. */
  settings(): AttachedSettings | undefined
  /** Milliseconds of this clock less the server's; undefined while that is not known. */
  clockOffset(): number | undefined
  /**
   * Registers again, where a failed call needs a session that is valid. True: the call can be made again.
   * False: this process can get no session any more.
   */
  recoverSession(failure: ApiFailure): Promise<boolean>
  /** Sends a heartbeat now, beside the regular ones. */
  beat(): void
  /** Notified when the server is back. */
  back: Notifier
  /**
   * Notified when anything has changed: an execution, a slot, the backend, the session, the end of it all.
   */
  changed: Notifier
  /** Names of images, by the keys of slots. */
  imageNames: Map<string, string>
  /** Bytes that are sent of a job's log. */
  logLimit: number
  /** Aborts when this process has nothing more to do; jobs run on. */
  over: AbortSignal
}
