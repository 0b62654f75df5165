import { endRevoked } from './connections/revoke.ts'
import type { Services } from './http/services.ts'
import type { ClockVerdict } from './rules/schedule-clock.ts'
import type { Recorder } from './upkeep/recorder.ts'
import { releaseDue, releaseEvery } from './upkeep/release.ts'
import { type Scheduler, textOfMissed } from './upkeep/scheduler.ts'
import { type Sweeper, sweepEvery } from './upkeep/sweeper.ts'

/** Seconds between two rounds. */
const commentEvery = 15
const lastUseEvery = 60
const auditEvery = 60
const expiryEvery = 5
const recordEvery = 60

/** Runs the periodic work, until the server stops; resolves when none of it is under way. */
export async function runTimers(
  services: Services,
  {
    sweeper,
    scheduler,
    recorder,
    takeNotes,
  }: { sweeper: Sweeper; scheduler: Scheduler; recorder: Recorder; takeNotes: () => Promise<void> },
  failed: (what: string) => (error: unknown) => void,
): Promise<void> {
  const { store, longPolls, channels, followers, changes, auth, audit, metrics } = services
  const { lease_seconds, confirm_within_seconds, ping_interval_seconds } = services.context.settings
  const every = (seconds: number, what: string, work: () => Promise<void> | void) =>
    repeat(services, seconds, work, failed(what))
  await Promise.all([
    repeat(
      services,
      () => scheduler.wait,
      async () => {
        const { fired, notFired, verdict } = await scheduler.round()
        metrics.scheduled(fired, notFired)
        const text = clockText[verdict]
        if (text !== undefined) services.log('warning', text)
      },
      failed('firing schedules'),
    ),
    // A short lease, or a short time to confirm, needs more frequent sweeps.
    every(Math.min(sweepEvery, lease_seconds / 4, confirm_within_seconds / 2), 'the sweep', async () => {
      const { lost, outage, jump } = await sweeper.sweep()
      metrics.lost(lost)
      if (jump !== 0)
        services.log(
          'warning',
          'the clock has jumped: every deadline was moved, and nothing old is removed for 24 h',
          {
            seconds: jump / 1000,
          },
        )
      else if (outage)
        services.log('warning', 'the server did not run for a while, or too slowly: every deadline was moved')
    }),
    every(releaseEvery, 'the release of delayed attempts', () => releaseDue(store)),
    every(ping_interval_seconds, 'the ping', () => channels.ping()),
    every(commentEvery, 'the comment', () => {
      channels.comment()
      followers.comment()
      changes.comment()
    }),
    every(expiryEvery, 'ending expired tokens', () => {
      // No token of thousands of runners is read for that; their long polls end by themselves.
      channels.endWhere(({ token }) => store.watch.isExpired(token))
      const readers = new Set([...followers.tokens(), ...changes.tokens()])
      return endRevoked(store, auth.browsers, { longPolls, channels, followers, changes }, readers)
    }),
    every(recordEvery, 'writing statistics', () => recorder.record()),
    every(auditEvery, 'writing the audit log', () => audit.endMinute()),
    every(auditEvery, 'taking notes of this host into the audit log', takeNotes),
    every(lastUseEvery, 'writing down the use of tokens', () => auth.writeLastUse()),
  ])
}

/** The text in the log about a clock that has jumped. */
const clockText: { [verdict in ClockVerdict]?: string } = {
  back: 'the clock has gone back to what it was: schedules go on',
  forward: textOfMissed.clock,
  backward: 'the clock was set back: schedules fire nothing again that they have fired',
  away: textOfMissed.outage,
}

/**
 * Runs something again and again, with a pause between an end and the next start: so many seconds.
 */
async function repeat(
  { clock, stop }: Services,
  seconds: number | (() => number),
  work: () => Promise<void> | void,
  onError: (error: unknown) => void,
): Promise<void> {
  for (;;) {
    await clock.sleep(typeof seconds === 'number' ? seconds : seconds(), stop)
    if (stop.aborted) return
    try {
      await work()
    } catch (error) {
      onError(error)
    }
  }
}
