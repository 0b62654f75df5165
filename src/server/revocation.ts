import type { CommandChannels } from './command-channel.ts'
import type { Followers } from './followers.ts'
import type { Polls } from './polls.ts'
import type { Store } from './store/store.ts'

/** What is held open for callers. */
export interface Connections {
  polls: Polls
  channels: CommandChannels
  followers: Followers
}

/**
 * Ends what is open of tokens that the store does not have any more, or that have expired; looks at those of all
 * that is open, or at these.
 */
export async function endRevoked(
  store: Store,
  { polls, channels, followers }: Connections,
  open = new Set([polls, channels, followers].flatMap(one => [...one.tokens()])),
): Promise<void> {
  if (open.size === 0) return
  const valid = await store.read(async tx => {
    const found = await Promise.all([...open].map(id => tx.token(id)))
    return new Set(
      found.flatMap(token => (token !== undefined && !store.watch.isExpired(token) ? token.id : [])),
    )
  })
  // One that came meanwhile has been looked up after the revocation.
  const revoked = (id: string) => open.has(id) && !valid.has(id)
  polls.refuseWhere(revoked, { reason: 'bad-token', detail: 'this token has been revoked' })
  channels.endWhere(channel => revoked(channel.token_id))
  followers.endWhere(follower => revoked(follower.token_id))
}
