import type { Edges } from '../edges.ts'
import type { Settings } from '../protocol/messages.ts'
import type { Bell } from './bell.ts'
import type { DiskFloor } from './disk-floor.ts'
import type { EmitAttach } from './events.ts'
import type { ExecutorHost } from './executor-host.ts'
import type { ApiFailure, ServerApi } from './server-api.ts'

/** What the parts of an attached runner share. */
export interface Room {
  edges: Edges
  api: ServerApi
  host: ExecutorHost
  disk: DiskFloor
  emit: EmitAttach
  /** The server's latest; undefined before the first registration. */
  settings(): Settings | undefined
  /** Milliseconds of this clock less the server's; undefined as long as that is not known. */
  clockOffset(): number | undefined
  /** Makes good what a failure says of the session. False: it cannot be made good, by this process. */
  mend(failure: ApiFailure): Promise<boolean>
  /** Rings when the server is back. */
  back: Bell
  /** Rings when anything has: an execution, a place for one, the engine, the session, the end of it all. */
  changed: Bell
  /** Names of images by their ids. */
  images: Map<string, string>
  /** Bytes that a job may have on disk. */
  diskLimit: number
  /** Bytes that are sent of a job's log. */
  logLimit: number
  /** Aborts when this process has nothing more to do; jobs run on. */
  over: AbortSignal
}
