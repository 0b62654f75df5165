import type { ExecutorConfiguration } from '../../config/sections/executor.ts'
import type { RemoteConfiguration } from '../../config/sections/remote.ts'
import type { Edges } from '../../edges.ts'
import type { TransportOptions } from '../../protocol/client/transport.ts'
import type { Result } from '../../result.ts'
import type { OpenBackend } from '../executors/open.ts'

export interface DoctorCheck {
  /** The subject of the check: `server`, or the name of a requirement of the backend. */
  check: string
  result: 'ok' | 'warning' | 'failed' | 'skipped'
  /** The finding, and how to fix it. */
  message: string
}

export interface DoctorOptions {
  remote: RemoteConfiguration
  executor: ExecutorConfiguration
  openBackend: OpenBackend
  minFree: number
  /** Or why it cannot be named. */
  server: Result<URL, string>
  transport: Result<TransportOptions, string>
  token: Result<string, string>
  /** The file that the token is read from. */
  tokenFile?: string | undefined
  /** A remark about the server, beside the fact that it answers. */
  aboutServer?: string | undefined
  env: NodeJS.ProcessEnv
  edges: Edges
}
