import { endRevoked } from './revocation.ts'
import { type Sweeper, sweepEvery } from './sweep.ts'
import type { World } from './world.ts'

/** Seconds between two rounds. */
const commentEvery = 15
const lastUseEvery = 60
const expiryEvery = 5

/** Does what time asks for, until the server stops; resolves when nothing of it is under way. */
export async function runTimers(
  world: World,
  sweeper: Sweeper,
  failed: (what: string) => (error: unknown) => void,
): Promise<void> {
  const { store, polls, channels, followers, auth, metrics } = world
  const { lease_seconds, confirm_within_seconds, ping_interval_seconds } = world.context.settings
  const every = (seconds: number, what: string, work: () => Promise<void> | void) =>
    repeat(world, seconds, work, failed(what))
  await Promise.all([
    // Short times are kept as well as long ones.
    every(Math.min(sweepEvery, lease_seconds / 4, confirm_within_seconds / 2), 'the sweep', async () => {
      const { lost, outage, jump } = await sweeper.sweep()
      metrics.lost(lost)
      if (jump !== 0)
        world.log(
          'warning',
          'the clock has jumped: every deadline was moved, and nothing old is removed for 24 h',
          {
            seconds: jump / 1000,
          },
        )
      else if (outage) world.log('warning', 'the server was away: every deadline was moved')
    }),
    every(ping_interval_seconds, 'the ping', () => channels.ping()),
    every(commentEvery, 'the comment', () => {
      channels.comment()
      followers.comment()
    }),
    // Tokens of runners, which all other connections have, do not expire.
    every(expiryEvery, 'ending expired tokens', () =>
      endRevoked(store, { polls, channels, followers }, followers.tokens()),
    ),
    every(lastUseEvery, 'writing down the use of tokens', () => auth.writeLastUse()),
  ])
}

/** Runs something again and again, with a pause between an end and the next start. */
async function repeat(
  { clock, stop }: World,
  seconds: number,
  work: () => Promise<void> | void,
  onError: (error: unknown) => void,
): Promise<void> {
  for (;;) {
    await clock.sleep(seconds, stop)
    if (stop.aborted) return
    try {
      await work()
    } catch (error) {
      onError(error)
    }
  }
}
