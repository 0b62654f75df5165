import fc from 'fast-check'
import t from 'tap'
import { longestWait, waitSeconds } from '../../src/chain/backoff.ts'

const seconds = fc.double({ min: 0, max: 1e6, noNaN: true })
const settings = fc.record({
  sleep_time: seconds,
  retry_jitter: seconds,
  backoff: fc.double({ min: 0, max: 100, noNaN: true }),
})
const tryNum = fc.integer({ min: 1, max: 1000 })
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

t.test(
  'the wait lies between the factor times sleep_time and that with all of the jitter, and is a day at most',
  async t => {
    fc.assert(
      fc.property(settings, tryNum, chance, (settings, tryNum, random) => {
        const wait = waitSeconds(settings, tryNum, random)
        const factor = settings.backoff ** tryNum
        const least = settings.sleep_time === 0 ? 0 : factor * settings.sleep_time
        const most = factor * (settings.sleep_time + settings.retry_jitter)
        return wait >= Math.min(longestWait, least) && !(wait > most) && wait <= longestWait
      }),
    )
    t.equal(longestWait, 86_400)
  },
)

t.test('the wait never shrinks from try to try where the factor is 1 or more', async t => {
  fc.assert(
    fc.property(settings, tryNum, chance, (settings, tryNum, random) => {
      const growing = { ...settings, backoff: 1 + settings.backoff }
      return waitSeconds(growing, tryNum + 1, random) >= waitSeconds(growing, tryNum, random)
    }),
  )
  t.pass()
})

t.test(
  'a jitter of 0 takes all chance out of the wait, and with a sleep_time of 0 there is none',
  async t => {
    fc.assert(
      fc.property(settings, tryNum, chance, (settings, tryNum, random) => {
        const fixed = { ...settings, retry_jitter: 0 }
        const none = { ...fixed, sleep_time: 0 }
        return (
          waitSeconds(fixed, tryNum, random) === waitSeconds(fixed, tryNum, 0) &&
          waitSeconds(none, tryNum, random) === 0
        )
      }),
    )
    t.pass()
  },
)

t.test('with the defaults the first wait is 1.14 × (1 … 31) seconds', async t => {
  const defaults = { sleep_time: 1, retry_jitter: 30, backoff: 1.14 }
  t.equal(waitSeconds(defaults, 1, 0), 1.14)
  t.equal(waitSeconds(defaults, 1, 0.5), 1.14 * 16)
  t.equal(waitSeconds(defaults, 4, 0), 1.14 ** 4)
})
