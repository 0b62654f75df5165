import type { Clock } from '../../edges.ts'
import type { Store } from '../../store/store.ts'
import type { PageFiles } from '../browser/files.ts'
import type { Oidc } from '../browser/oidc.ts'
import type { ChangeFollowers } from '../connections/change-followers.ts'
import type { CommandChannels } from '../connections/command-channels.ts'
import type { LogFollowers } from '../connections/log-followers.ts'
import type { LongPolls } from '../connections/long-polls.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'
import type { TestTarget } from '../notify/test-target.ts'
import type { OutageLog } from '../outage-log.ts'
import type { Context } from '../rules/context.ts'
import type { Audit } from './audit.ts'
import type { Authenticator } from './authenticator.ts'
import type { ClientAddress } from './client-address.ts'
import type { OpenApiText } from './openapi-text.ts'
import type { SharedAnswers } from './shared-answers.ts'
import type { StoreCheck } from './store-check.ts'
import type { UnauthenticatedConnections } from './unauthenticated.ts'

/** The services that handlers use; made once (server.ts). */
export interface Services {
  store: Store
  context: Context
  auth: Authenticator
  audit: Audit
  addressOf: ClientAddress
  metrics: Metrics
  longPolls: LongPolls
  channels: CommandChannels
  followers: LogFollowers
  changes: ChangeFollowers
  /** The texts of short lists. */
  lists: SharedAnswers<Buffer>
  unauthenticated: UnauthenticatedConnections
  log: Log
  outages: OutageLog
  clock: Clock
  /** The version of the program. */
  version: string
  storeCheck: StoreCheck
  openApi: OpenApiText
  /** The files of the page; undefined: browsers get none. */
  page: PageFiles | undefined
  /** The identity provider by which people sign in; undefined: there is none. */
  oidc: Oidc | undefined
  /** Sends a test message to a target of notifications. */
  testTarget: TestTarget
  /** Aborts when the server is to stop: it hands nothing out any more, and answers all waiting calls. */
  stop: AbortSignal
}
