import fc from 'fast-check'
import t from 'tap'
import { isRetriedAfter, retryDelay } from '../../../src/server/rules/retry-policy.ts'

const chance = (random: number) => ({ random: () => random, id: () => '' })

t.test('an exit code decides where the policy names codes, and only of a failure that has one', async t => {
  t.equal(isRetriedAfter(undefined, 1), true)
  t.equal(isRetriedAfter({ on_exit_codes: [75] }, 75), true)
  t.equal(isRetriedAfter({ on_exit_codes: [75] }, 1), false)
  t.equal(isRetriedAfter({ on_exit_codes: [] }, 1), false)
  t.equal(isRetriedAfter({ on_exit_codes: [] }, null), true)
  t.equal(isRetriedAfter({ not_on_exit_codes: [2] }, 2), false)
  t.equal(isRetriedAfter({ not_on_exit_codes: [2] }, 1), true)
  t.equal(isRetriedAfter({ on_exit_codes: [2], not_on_exit_codes: [2] }, 2), false)
})

t.test('the delay grows up to the longest one, and chance adds to it', async t => {
  const delays = (policy: Parameters<typeof retryDelay>[0], random = 0) =>
    [1, 2, 3, 4].map(failures => retryDelay(policy, failures, chance(random)))
  t.same(delays(undefined), [5000, 5000, 5000, 5000])
  t.same(delays({ backoff: 2 }), [5000, 10_000, 20_000, 40_000])
  t.same(delays({ backoff: 10, max_delay_seconds: 60 }), [5000, 50_000, 60_000, 60_000])
  t.same(delays({ delay_seconds: 0, backoff: 100 }), [0, 0, 0, 0])
  t.same(delays({ delay_seconds: 1, jitter_seconds: 4 }, 0.5), [3000, 3000, 3000, 3000])
})

t.test('the delay is always a whole number within its bounds', async () => {
  const seconds = (max: number) => fc.double({ min: 0, max, noNaN: true })
  fc.assert(
    fc.property(
      fc.record({
        delay_seconds: seconds(86_400),
        backoff: fc.double({ min: 1, max: 100, noNaN: true }),
        max_delay_seconds: seconds(604_800),
        jitter_seconds: seconds(86_400),
      }),
      fc.integer({ min: 1, max: 101 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (policy, failures, random) => {
        const delay = retryDelay(policy, failures, chance(random))
        const most = Math.round((policy.max_delay_seconds + policy.jitter_seconds) * 1000)
        return Number.isInteger(delay) && delay >= 0 && delay <= most
      },
    ),
  )
})
