import t from 'tap'
import { compile, type Instance, type ScheduleRule } from '../../src/schedule/schedule.ts'
import { cache, plan } from '../support/schedules.ts'

/** The instances of a schedule from an instant to before another one. */
function instances(schedule: ScheduleRule, from: string, to: string, seed?: string): Instance[] {
  const { next } = plan(schedule, seed)
  const found: Instance[] = []
  for (let one = next(Date.parse(from) - 1); one && one.at < Date.parse(to); one = next(one.at))
    found.push(one)
  return found
}

const shown = (list: Instance[]) =>
  list.map(({ at, note, skipped }) =>
    [new Date(at).toISOString().slice(5, 16), note, skipped && 'skipped'].filter(Boolean).join(' '),
  )

const spring = ['2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z'] as const

t.test('what is not given has the default of the contract', async t => {
  t.same(plan({ cron: '30 2 * * *' }).schedule, {
    cron: '30 2 * * *',
    time_zone: 'UTC',
    jitter_seconds: 0,
    catch_up: 'last',
    catch_up_window_seconds: 86_400,
    dst_gap: 'run',
    dst_overlap: 'first',
    enabled: true,
  })
  t.equal(
    plan({ at: '2030-01-01T00:00:00Z', catch_up_window_seconds: null }).schedule.catch_up_window_seconds,
    null,
  )
})

t.test('an instance in a gap runs after it, or is one to put on record', async t => {
  const berlin = (cron: string | string[], dst_gap?: 'run' | 'skip') =>
    shown(instances({ cron, time_zone: 'Europe/Berlin', ...(dst_gap && { dst_gap }) }, ...spring))
  t.same(berlin('30 2 * * *'), ['03-29T01:00 gap', '03-30T00:30'])
  t.same(berlin('30 2 * * *', 'skip'), ['03-29T01:00 gap skipped', '03-30T00:30'])
  // 03:00 is a time of its own.
  t.same(berlin(['30 2 * * *', '0 3 * * *'], 'skip'), ['03-29T01:00', '03-30T00:30', '03-30T01:00'])
  t.same(berlin('0,30 2,3 * * *', 'skip').slice(0, 2), ['03-29T01:00', '03-29T01:30'])
})

t.test('an instance in an overlap runs once, or as said', async t => {
  const both = instances(
    { cron: '30 2 * * *', time_zone: 'Europe/Berlin', dst_overlap: 'both' },
    '2026-10-25T00:00:00Z',
    '2026-10-26T00:00:00Z',
  )
  t.same(shown(both), ['10-25T00:30 overlap', '10-25T01:30 overlap'])
})

t.test('starts_at is the first instant of a schedule, ends_at the first one after it', async t => {
  const hours = (from: string, to: string) =>
    shown(
      instances(
        { cron: '0 * * * *', starts_at: from, ends_at: to },
        '2026-01-01T00:00:00Z',
        '2027-01-01T00:00:00Z',
      ),
    )
  t.same(hours('2026-05-01T10:00:00Z', '2026-05-01T12:00:00Z'), ['05-01T10:00', '05-01T11:00'])
  t.same(hours('2026-05-01T10:00:00.001Z', '2026-05-01T12:00:00.001Z'), ['05-01T11:00', '05-01T12:00'])
  t.same(hours('2026-05-01T12:00:00+02:00', '2026-05-01T12:59:00+02:00'), ['05-01T10:00'])
})

t.test('every counts from its anchor, and begins there', async t => {
  const every = (every: ScheduleRule['every'], from = '2026-01-01T00:00:00Z', to = '2026-01-01T01:00:00Z') =>
    shown(instances({ every: every! }, from, to))
  t.same(every({ seconds: 1200 }), ['01-01T00:00', '01-01T00:20', '01-01T00:40'])
  t.same(every({ seconds: 1800, anchor: '2025-07-01T00:10:00Z' }), ['01-01T00:10', '01-01T00:40'])
  t.same(every({ seconds: 1800, anchor: '2026-01-01T00:25:00Z' }), ['01-01T00:25', '01-01T00:55'])
  // A week has 604800 seconds whatever the clocks do; 1970-01-01 was a Thursday.
  t.same(every({ seconds: 604_800 }, '2026-03-26T00:00:00Z', '2026-04-03T00:00:00Z'), [
    '03-26T00:00',
    '04-02T00:00',
  ])
})

t.test('at is one instance', async t => {
  const { next } = plan({ at: '2026-05-01T10:00:00.250+02:00' })
  const at = Date.parse('2026-05-01T08:00:00.250Z')
  t.same(next(-Infinity), { at, due: at })
  t.same(next(at - 1), { at, due: at })
  t.equal(next(at), undefined)
})

t.test('jitter makes an instance due later, by the job and the time alone', async t => {
  const due = (seed: string) =>
    instances(
      { cron: '* * * * *', jitter_seconds: 60 },
      '2026-01-01T00:00:00Z',
      '2026-01-02T00:00:00Z',
      seed,
    ).map(({ at, due }) => due - at)
  const [one, again, other] = [due('default/a'), due('default/a'), due('default/b')]
  t.same(one, again)
  t.strictNotSame(one, other)
  t.ok(one.every(late => late >= 0 && late < 60_000))
  t.ok(new Set(one.map(late => Math.floor(late / 1000))).size > 50, 'spread over the minute')
  const { next } = plan({ every: { seconds: 60 }, jitter_seconds: 60 })
  for (let one = next(0)!, last = 0; one.at < 3_600_000; last = one.due, one = next(one.at)!)
    t.ok(one.due >= last, 'in the order of at')
})

t.test('no instant is refused as one to ask about', async t => {
  const { next } = plan({ cron: '0 0 * * *', time_zone: 'Europe/Berlin' })
  t.ok(next(-Infinity)!.at < 0)
  t.ok(next(-8.64e15))
  for (const after of [
    Infinity,
    8.64e15,
    Number.MAX_VALUE,
    Number.NaN,
    Date.UTC(9999, 11, 31, 23, 59, 59, 999),
  ])
    t.equal(next(after), undefined, String(after))
})

const long = '1'.repeat(10_000)
for (const [schedule, said] of [
  [{}, /exactly one of cron, every and at: this one has none of them/],
  [{ cron: '* * * * *', at: '2026-01-01T00:00:00Z' }, /this one has cron and at/],
  [{ cron: [] }, /at least one pattern/],
  [{ cron: Array(33).fill('* * * * *') }, /at most 32 patterns/],
  [{ cron: ['* * * * *', '0 0 30 2 *'] }, /`0 0 30 2 \*` never comes/],
  [{ cron: long }, /at most 500 characters/],
  [{ cron: '* * * * *', time_zone: 'Europe/Berln' }, /no time zone .* did you mean `Europe\/Berlin`\?/],
  [{ cron: '* * * * *', time_zone: 'berlin' }, /did you mean `Europe\/Berlin`\?/],
  [{ cron: '* * * * *', time_zone: 'New York' }, /did you mean `America\/New_York`\?/],
  [{ cron: '* * * * *', time_zone: '../../etc/passwd' }, /no time zone is called/],
  [{ cron: '* * * * *', time_zone: '+01:00' }, /no time zone is called/],
  [{ cron: '* * * * *', time_zone: '' }, /no time zone is called/],
  [{ cron: '* * * * *', time_zone: long }, /at most 64 characters/],
  [{ cron: '* * * * *', jitter_seconds: -1 }, /jitter_seconds is a whole number/],
  [{ cron: '* * * * *', jitter_seconds: Number.NaN }, /jitter_seconds is a whole number/],
  [{ cron: '* * * * *', jitter_seconds: 1e300 }, /jitter_seconds is a whole number/],
  [{ every: { seconds: 60 }, jitter_seconds: 61 }, /jitter_seconds \(61\) is more than every.seconds \(60\)/],
  [{ every: { seconds: 0 } }, /every.seconds is a whole number from 1/],
  [{ every: { seconds: 0.5 } }, /every.seconds is a whole number/],
  [{ every: { seconds: Infinity } }, /every.seconds is a whole number/],
  [{ every: { seconds: 1, anchor: 'noon' } }, /every.anchor \(noon\) is not a time/],
  [{ cron: '* * * * *', catch_up_window_seconds: -1 }, /catch_up_window_seconds is a whole number .* null/],
  [{ at: '2026-02-30T00:00:00Z' }, /at \(2026-02-30T00:00:00Z\) is not a time/],
  [{ at: '2026-01-01T00:00:00' }, /is not a time of RFC 3339/],
  [{ at: '+275760-09-13T00:00:00Z' }, /is not a time/],
  [{ at: '0000-01-01T00:00:00Z' }, /is not a time/],
  [{ at: long }, /^at is not a time/],
  [
    { cron: '* * * * *', starts_at: '2026-01-02T00:00:00Z', ends_at: '2026-01-01T00:00:00Z' },
    /ends_at \(2026-01-01T00:00:00Z\) is not after starts_at \(2026-01-02T00:00:00Z\)/,
  ],
  [
    { cron: '0 0 * * *', starts_at: '2026-01-01T01:00:00Z', ends_at: '2026-01-01T02:00:00Z' },
    /never comes: it has no time from starts_at to ends_at/,
  ],
  [{ at: '2026-01-01T00:00:00Z', ends_at: '2025-01-01T00:00:00Z' }, /never comes/],
] as [ScheduleRule, RegExp][])
  t.test(`${JSON.stringify(schedule).slice(0, 80)} is refused`, async t => {
    const compiled = compile(schedule, 'default/nightly', cache)
    t.match(compiled.ok ? 'not refused' : compiled.failure, said)
  })

t.test('times from the year 1 to the year 9999 are taken', async t => {
  for (const at of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'])
    t.same(plan({ at }).next(-Infinity)?.at, Date.parse(at))
})
