import t from 'tap'
import type { RunnerContext } from '../../../src/remote/context.ts'
import type { Failure } from '../../../src/remote/executors/executor.ts'
import { StartRetries } from '../../../src/remote/job/start-retries.ts'
import { Notifier } from '../../../src/system/wait.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const away: Failure = { reason: 'engine-unreachable', message: 'it is away', retry: 'when-back' }
const { signal } = new AbortController()

/** The retries of a job on a backend that is back at once. */
function retriesOn(clock: ManualClock): StartRetries {
  const context = {
    edges: { clock, chance: { random: () => 0, id: () => '' } },
    host: { isWell: async () => true, suspect: () => {}, problem: undefined },
    emit: () => {},
    back: new Notifier(),
    changed: new Notifier(),
    // The retries use no other part of a context.
  } as unknown as RunnerContext
  return new StartRetries(context, { execution_id: 'e', image: 'i', job_name: null }, () => {})
}

t.test('a backend may be away for 15 minutes, however long the job waited for its image before', async t => {
  const clock = new ManualClock()
  const retries = retriesOn(clock)
  await clock.pass(3600)
  t.equal(await retries.again(away, signal), true)
  await clock.pass(899)
  t.equal(await retries.again(away, signal), true)
  await clock.pass(2)
  t.equal(await retries.again(away, signal), false)
})
