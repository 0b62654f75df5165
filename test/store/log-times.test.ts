import fc from 'fast-check'
import t from 'tap'
import { cutTimes, type LogTimes, logTimes, withTime } from '../../src/store/log-times.ts'
import { tries } from '../support/tier.ts'

/** Chunks: how many bytes each has, and how many seconds after the one before it came. */
const chunks = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 20 }), fc.integer({ min: 0, max: 40 })), {
  minLength: 600,
  maxLength: 2000,
  size: 'max',
})
const start = 1_790_000_000_000

t.test('every byte has the time of its chunk or a little before it, in a short text', async () => {
  fc.assert(
    fc.property(chunks, chunks => {
      let times: LogTimes | null = null
      let [offset, now] = [0, start]
      const came: { offset: number; at: number }[] = []
      for (const [bytes, seconds] of chunks) {
        now += seconds * 1000
        times = withTime(times, offset, now + 999)
        came.push({ offset, at: now / 1000 })
        offset += bytes
      }
      const all = logTimes(times!)
      const most = Math.max(1, (8 * (now - start)) / 1000 / 400)
      return (
        all.length <= 400 &&
        times!.list.length < 3500 &&
        came.every(({ offset, at }) => {
          const entry = all.findLast(entry => entry.offset <= offset)!
          return entry.at <= at && at - entry.at < most
        })
      )
    }),
    { numRuns: tries(10), endOnFailure: true },
  )
})

t.test('a clock that is set back gives the bytes their own times', async t => {
  const times = withTime(withTime(null, 0, start), 10, start - 3_600_000)
  t.same(logTimes(times), [
    { offset: 0, at: start / 1000 },
    { offset: 10, at: start / 1000 - 3600 },
  ])
})

t.test('of a log that was shortened the times are those of its bytes, and it goes on', async t => {
  let times: LogTimes | null = null
  for (const offset of [0, 10, 20, 30]) times = withTime(times, offset, start + offset * 1000)
  t.equal(cutTimes(times, 31), times)
  t.equal(cutTimes(times, 0), null)
  const cut = withTime(cutTimes(times, 15), 15, start + 60_000)
  t.same(
    logTimes(cut).map(({ offset, at }) => [offset, at - start / 1000]),
    [
      [0, 0],
      [10, 10],
      [15, 60],
    ],
  )
})
