import type { ExecutorConfiguration } from '../config/sections/executor.ts'
import type { RemoteConfiguration } from '../config/sections/remote.ts'
import type { Edges } from '../edges.ts'
import type { TransportOptions } from '../protocol/client/transport.ts'
import type { Result } from '../result.ts'
import type { EmitAttach } from './events.ts'
import type { OpenBackend } from './executors/open.ts'
import type { Identity } from './link/identity.ts'

export interface AttachOptions {
  identity: Identity
  server: URL
  transport: TransportOptions
  readTransport(): Result<TransportOptions, string>
  registrationToken(): Result<string, string>
  /** The file that it is read from; absent: it comes from the environment. */
  tokenFile?: string | undefined
  remote: RemoteConfiguration
  executor: ExecutorConfiguration
  /** Makes the place where jobs run (executors/open.ts). */
  openBackend: OpenBackend
  /** Bytes of free disk below which no work is taken. */
  minFree: number
  version: string
  env: NodeJS.ProcessEnv
  edges: Edges
  emit: EmitAttach
  /** Ends it: no new work, and with `drain` a wait for what runs. The reason is a StopKind. */
  stop: AbortSignal
  /** Ends what runs, with its grace. */
  hurry: AbortSignal
}
