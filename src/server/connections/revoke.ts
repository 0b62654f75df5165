import type { Reader } from '../../store/reader.ts'
import type { Store } from '../../store/store.ts'
import type { ChangeFollowers } from './change-followers.ts'
import type { CommandChannels } from './command-channels.ts'
import type { LogFollowers } from './log-followers.ts'
import type { LongPolls } from './long-polls.ts'

/** The sessions of browsers (browser/sessions.ts). */
export interface Browsers {
  /** The ids of those of these sessions that are not over. */
  validOf(tx: Reader, ids: readonly string[]): Promise<string[]>
  /** These sessions are in use now. */
  use(ids: Iterable<string>): void
}

/** The calls that the server holds open. */
export interface Connections {
  longPolls: LongPolls
  channels: CommandChannels
  followers: LogFollowers
  changes: ChangeFollowers
}

/**
 * Ends the open calls of tokens that are no longer in the store, or have expired, and those of browsers that
 * are not signed in any more; looks at all open calls, or at those of these tokens and sessions.
 */
export async function endRevoked(
  store: Store,
  browsers: Browsers,
  { longPolls, channels, followers, changes }: Connections,
  open = new Set([longPolls, channels, followers, changes].flatMap(one => [...one.tokens()])),
): Promise<void> {
  if (open.size === 0) return
  const valid = await store.read(async tx => {
    const found = await Promise.all([...open].map(id => tx.token(id)))
    const tokens = new Set(
      found.flatMap(token => (token !== undefined && !store.watch.isExpired(token) ? token.id : [])),
    )
    const others = [...open].filter(id => !tokens.has(id))
    const sessions = await browsers.validOf(tx, others)
    // A page that is open in a browser is in use.
    browsers.use(sessions)
    return new Set([...tokens, ...sessions])
  })
  // A call that came meanwhile looked its token up after the revocation.
  const revoked = (id: string) => open.has(id) && !valid.has(id)
  longPolls.refuseWhere(revoked, { reason: 'bad-token', detail: 'this token has been revoked' })
  channels.endWhere(channel => revoked(channel.token.id))
  followers.endWhere(follower => revoked(follower.token_id))
  changes.endWhere(follower => revoked(follower.token_id))
}
