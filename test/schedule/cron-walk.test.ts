import { Cron } from 'croner'
import fc from 'fast-check'
import t from 'tap'
import { type CronFields, CronWalks } from '../../src/schedule/cron-walk.ts'
import { runs } from '../support/tier.ts'
import { drawnPattern } from '../support/wall-clocks.ts'

const walks = new CronWalks()

t.test('the walk finds what croner finds, whatever was asked before', async t => {
  const time = fc.integer({ min: Date.UTC(1960, 0), max: Date.UTC(2100, 0) })
  const drawn = fc.record({
    pattern: fc.oneof(
      drawnPattern(6),
      fc.constant({ text: '0 0 0 LW 2 *' }),
      fc.constant({ text: '5 5 5 15W * *' }),
    ),
    times: fc.array(time, { minLength: 10, maxLength: 10 }),
  })
  const property = fc.property(drawn, ({ pattern: { text }, times }) => {
    const cron = new Cron(text, { utcOffset: 0, paused: true })
    // Each drawn text has six fields.
    const walk = walks.walk(text.split(' ') as unknown as CronFields)
    for (const time of times)
      for (const from of [time, Math.floor(time / 86_400_000) * 86_400_000])
        if (walk(from) !== cron.nextRun(new Date(from - 1))?.getTime()) return false
    return true
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: runs(1000) }))
})

t.test('the same text means another thing in another field', async t => {
  const at = (text: string, from = Date.UTC(2026, 0, 1, 0, 0, 1)) =>
    new Date(walks.walk(text.split(' ') as unknown as CronFields)(from)!).toISOString().slice(8, 19)
  t.equal(at('0 0 * * * *'), '01T01:00:00')
  t.equal(at('0 * 0 * * *'), '01T00:01:00')
  t.equal(at('* 0 0 * * *'), '01T00:00:01')
  t.equal(at('* 0 0 * * *', Date.UTC(2026, 0, 1, 0, 1)), '02T00:00:00')
})
