import type { Clock } from '../edges.ts'
import type { Audit } from './audit.ts'
import type { Authenticator } from './auth.ts'
import type { CommandChannels } from './command-channel.ts'
import type { Context } from './context.ts'
import type { Followers } from './followers.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { OutageLog } from './outage-log.ts'
import type { Polls } from './polls.ts'
import type { Store } from './store/store.ts'
import type { UnauthenticatedConnections } from './unauthenticated.ts'

/** What routes work with; made once (server.ts). */
export interface World {
  store: Store
  context: Context
  auth: Authenticator
  audit: Audit
  metrics: Metrics
  polls: Polls
  channels: CommandChannels
  followers: Followers
  unauthenticated: UnauthenticatedConnections
  log: Log
  outages: OutageLog
  clock: Clock
  /** Of the program. */
  version: string
  /** Aborts when the server is to stop: nothing is handed out any more, and who waits is answered. */
  stop: AbortSignal
}
