import t from 'tap'
import {
  type BlackoutRule,
  blackoutOf,
  compileBlackouts,
  firstStarting,
} from '../../src/schedule/blackouts.ts'
import { blackouts, cache, instant, isBlackedOut, plan } from '../support/schedules.ts'

t.test('a blackout begins with its first instant and ends before its last', async t => {
  const night = blackouts({ cron: '0 22 * * *', duration_seconds: 4 * 3600, time_zone: 'Europe/Berlin' })
  for (const [at, isOut] of [
    ['2026-05-01T19:59:59.999Z', false],
    ['2026-05-01T20:00:00Z', true],
    ['2026-05-01T23:59:59.999Z', true],
    ['2026-05-02T00:00:00Z', false],
    ['2026-05-01T20:00:00Z', true],
    ['2026-01-01T20:30:00Z', false],
    ['2026-01-01T21:00:00Z', true],
  ] as const)
    t.equal(isBlackedOut(night, instant(at)), isOut, at)
})

t.test('blackouts of any number overlap as they like', async t => {
  const rules = [
    { cron: '0 10 * * *', duration_seconds: 7200 },
    { cron: '0 11 * * *', duration_seconds: 7200 },
  ]
  const both = blackouts(...rules)
  const out = Array.from({ length: 24 }, (_, hour) => hour).filter(hour =>
    isBlackedOut(both, Date.UTC(2026, 0, 1, hour)),
  )
  t.same(out, [10, 11, 12])
  t.equal(isBlackedOut([], 0), false)
  // Each begins before the one before has ended.
  const always = blackouts({ cron: '0 * * * *', duration_seconds: 5400 })
  t.ok([0, 1, 2, 3, 4, 5].every(n => isBlackedOut(always, Date.UTC(2026, 0, 1) + n * 1_234_567)))
})

t.test(
  'an instance is out if it is scheduled in a blackout, or would start in one by its jitter',
  async t => {
    const [blackout] = [blackouts({ cron: '0 12 * * *', duration_seconds: 60 })]
    const noon = instant('2026-05-01T12:00:00Z')
    const isOut = (at: number, due: number) => blackoutOf(blackout, { at, due }) !== undefined
    t.equal(isOut(noon - 10_000, noon - 1), false)
    t.equal(isOut(noon - 10_000, noon), true)
    t.equal(isOut(noon, noon + 90_000), true)
    t.equal(isOut(noon - 10_000, noon + 60_000), false)
  },
)

t.test('the first instance that starts is found behind many that do not', async t => {
  const first = (cron: string, ...rules: BlackoutRule[]) => {
    const from = instant('2026-05-01T00:00:00Z')
    return firstStarting(plan({ cron }), blackouts(...rules), from, Infinity)
  }
  const found = first('* * * * * *', { cron: '0 0 * * *', duration_seconds: 8 * 3600 })
  t.equal(found.instance?.at, instant('2026-05-01T08:00:00Z'))
  const none = first('30 * * * *', { cron: '0 * * * *', duration_seconds: 3600 })
  t.equal(none.instance, undefined)
  t.equal(none.looked, instant('2026-05-01T00:00:00Z') + 1000 * 3_600_000 - 1, 'a thousand blackouts')
})

const long = '1'.repeat(10_000)
for (const [rules, said] of [
  [[{ cron: '61 * * * *', duration_seconds: 60 }], /a blackout: `61` in .* is no minute/],
  [[{ cron: '0 0 30 2 *', duration_seconds: 60 }], /a blackout: .* never comes/],
  [[{ cron: long, duration_seconds: 60 }], /a blackout: .* at most 500 characters/],
  [
    [{ cron: '0 0 * * *', duration_seconds: 60, time_zone: '../../etc' }],
    /a blackout: no time zone is called/,
  ],
  [[{ cron: '0 0 * * *', duration_seconds: 0 }], /a blackout: duration_seconds is a whole number from 1/],
  [[{ cron: '0 0 * * *', duration_seconds: Number.NaN }], /duration_seconds is a whole number/],
  [[{ cron: '0 0 * * *', duration_seconds: 1e12 }], /duration_seconds is a whole number/],
  [Array(65).fill({ cron: '0 0 * * *', duration_seconds: 60 }), /at most 64 blackouts/],
] as [BlackoutRule[], RegExp][])
  t.test(`${JSON.stringify(rules).slice(0, 80)} is refused`, async t => {
    const compiled = compileBlackouts(rules, 'default/nightly', cache)
    t.match(compiled.ok ? 'not refused' : compiled.failure, said)
  })
