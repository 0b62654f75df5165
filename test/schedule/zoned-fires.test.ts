/* Compares the answers of croner and of our rules with those of Temporal for every minute. */
import { deepEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type CronPattern, parseCron } from '../../src/schedule/cron-pattern.ts'
import { type Fire, fireAfter, type ZoneRules } from '../../src/schedule/zoned-fires.ts'
import { cache } from '../support/schedules.ts'
import { tries } from '../support/tier.ts'
import { drawnClocks, drawnPattern, drawnRules } from '../support/wall-clocks.ts'

// A soak draws a million patterns.
t.setTimeout(3_600_000)

const rules: ZoneRules = { gap: 'run', overlap: 'first' }

function pattern(text: string): CronPattern {
  const parsed = parseCron(text, 'seed', cache.walks)
  if (!parsed.ok) throw new Error(parsed.failure)
  return parsed.value
}

function firesIn(
  text: string | string[],
  zone: string,
  from: string,
  to: string,
  by: Partial<ZoneRules> = {},
) {
  const patterns = [text].flat().map(pattern)
  const end = Date.parse(to)
  const known = cache.zones.named(zone)
  if (!known.ok) throw new Error(known.failure)
  const fires: Fire[] = []
  for (let after = Date.parse(from) - 1; ; ) {
    const fire = fireAfter(patterns, known.value, { ...rules, ...by }, after)
    if (fire === undefined || fire.at >= end) return fires
    fires.push(fire)
    after = fire.at
  }
}

const shown = (fires: Fire[]) =>
  fires.map(({ at, note }) => `${new Date(at).toISOString().slice(5, 16)}${note ? ` ${note}` : ''}`)

t.test('a fixed time in a gap runs at its end, once, or is skipped', async t => {
  const spring = ['2026-03-28T12:00Z', '2026-03-30T12:00Z'] as const
  const berlin = (text: string | string[], by = {}) => shown(firesIn(text, 'Europe/Berlin', ...spring, by))
  t.same(berlin('30 2 * * *'), ['03-29T01:00 gap', '03-30T00:30'])
  t.same(berlin('15,45 2 * * *'), ['03-29T01:00 gap', '03-30T00:15', '03-30T00:45'])
  t.same(berlin('30 2 * * *', { gap: 'skip' }), ['03-30T00:30'])
  t.same(berlin(['30 2 * * *', '0 3 * * *']), ['03-29T01:00 gap', '03-30T00:30', '03-30T01:00'])
})

t.test('a fixed time in an overlap runs once, or as said', async t => {
  const autumn = ['2026-10-24T22:00Z', '2026-10-25T12:00Z'] as const
  const berlin = (text: string, by = {}) => shown(firesIn(text, 'Europe/Berlin', ...autumn, by))
  t.same(berlin('30 2 * * *'), ['10-25T00:30 overlap'])
  t.same(berlin('30 2 * * *', { overlap: 'last' }), ['10-25T01:30 overlap'])
  t.same(berlin('30 2 * * *', { overlap: 'both' }), ['10-25T00:30 overlap', '10-25T01:30 overlap'])
  t.same(berlin('30 1,3 * * *'), ['10-24T23:30', '10-25T02:30'])
})

t.test('what goes on in steps goes on', async t => {
  const hours = (from: string, to: string) => firesIn('0 * * * *', 'Europe/Berlin', from, to).length
  t.equal(hours('2026-03-28T23:00Z', '2026-03-29T22:00Z'), 23)
  t.equal(hours('2026-10-24T22:00Z', '2026-10-25T23:00Z'), 25)
  t.same(shown(firesIn('*/30 2 * * *', 'Europe/Berlin', '2026-03-28T22:00Z', '2026-03-29T22:00Z')), [])
})

t.test('a whole day may be missing, and offsets need not be of whole hours', async t => {
  t.same(shown(firesIn('0 12 30 12 *', 'Pacific/Apia', '2011-12-28T00:00Z', '2012-01-02T00:00Z')), [
    '12-30T10:00 gap',
  ])
  const howe = firesIn('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', '2026-10-05T00:00Z')
  t.same(shown(howe), ['10-03T15:30 gap', '10-04T15:15'])
})

/** A pattern that comes in no year is refused. */
const isRefused = (text: string) => !parseCron(text, 'seed', cache.walks).ok

for (const [fields, hours, cases] of [
  [5, 24, 200],
  [6, 1, 200],
] as const)
  t.test(`random patterns of ${fields} fields agree with what Temporal's clocks show`, async t => {
    const drawn = fc.record({
      clocks: drawnClocks(hours),
      cases: fc.array(fc.tuple(drawnPattern(fields), drawnRules), { minLength: 25, maxLength: 25 }),
    })
    let compared = 0
    fc.assert(
      fc.property(drawn, ({ clocks, cases }) => {
        const { zone, begin, end } = clocks
        for (const [pattern, rules] of cases) {
          compared += 1
          const expected = clocks.fires(pattern, rules)
          if (expected.length === 0 && isRefused(pattern.text)) continue
          const [from, to] = [new Date(begin).toISOString(), new Date(end).toISOString()]
          const fires = firesIn(pattern.text, zone, from, to, rules).map(({ at }) => at)
          deepEqual(fires, expected, `${pattern.text} in ${clocks}, ${JSON.stringify(rules)}`)
        }
      }),
      { numRuns: tries(cases / 10) },
    )
    t.comment(`${compared} patterns`)
  })
