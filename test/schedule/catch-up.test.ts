import t from 'tap'
import type { BlackoutRule } from '../../src/schedule/blackouts.ts'
import { type CaughtUp, catchUp } from '../../src/schedule/catch-up.ts'
import type { ScheduleRule } from '../../src/schedule/schedule.ts'
import { blackouts, instant, plan, short } from '../support/schedules.ts'

/** The result for a schedule from one time to another one, at which it is looked at again. */
function missed(schedule: ScheduleRule, from: string, to: string, rules: BlackoutRule[] = []): CaughtUp {
  const now = instant(to)
  return catchUp(plan(schedule), blackouts(...rules), instant(from), now, now)
}

const shown = ({ fire, position, skippedRanges, isDone }: CaughtUp) => [
  ...(fire ? [`fire ${short(fire.at)}`] : []),
  ...skippedRanges.map(({ reason, from, to, count, more }) =>
    [reason, short(from), short(to), more ? 'at least' : '', count].filter(word => word !== '').join(' '),
  ),
  `to ${short(position)}${isDone ? '' : ', and on'}`,
]

const day = ['2026-05-01T00:00:00Z', '2026-05-02T00:00:00Z'] as const

t.test('nothing was missed where nothing came', async t => {
  for (const catch_up of ['none', 'last', 'all'] as const)
    t.same(
      shown(missed({ cron: '0 6 * * *', catch_up }, '2026-05-01T06:00:00Z', '2026-05-02T05:59:59Z')),
      ['to 05-01T06:00'],
      catch_up,
    )
})

t.test('none: all are put on record', async t => {
  t.same(shown(missed({ cron: '0 */6 * * *', catch_up: 'none' }, ...day)), [
    'missed 05-01T06:00 05-02T00:00 4',
    'to 05-02T00:00',
  ])
})

t.test('last: the last one starts, the others are put on record', async t => {
  t.same(shown(missed({ cron: '0 */6 * * *' }, ...day)), [
    'fire 05-02T00:00',
    'missed 05-01T06:00 05-01T18:00 3',
    'to 05-02T00:00',
  ])
})

t.test('all: one after the other starts, in their order', async t => {
  const six: ScheduleRule = { cron: '0 */6 * * *', catch_up: 'all' }
  t.same(shown(missed(six, ...day)), ['fire 05-01T06:00', 'to 05-01T06:00, and on'])
  t.same(shown(missed(six, '2026-05-01T18:00:00Z', day[1])), ['fire 05-02T00:00', 'to 05-02T00:00'])
})

t.test('instances that are older than the window start no more', async t => {
  const hourly = (catch_up: 'last' | 'all', window: number | null) =>
    shown(missed({ cron: '0 * * * *', catch_up, catch_up_window_seconds: window }, ...day))
  t.same(hourly('all', 7200), [
    'fire 05-01T22:00',
    'missed 05-01T01:00 05-01T21:00 21',
    'to 05-01T22:00, and on',
  ])
  t.same(hourly('all', null)[0], 'fire 05-01T01:00')
  const weekly = (window: number | null) =>
    shown(
      missed(
        { cron: '0 0 * * 1', catch_up_window_seconds: window },
        '2026-05-03T00:00:00Z',
        '2026-05-06T00:00:00Z',
      ),
    )
  t.same(weekly(86_400), ['missed 05-04T00:00 05-04T00:00 1', 'to 05-04T00:00'])
  t.same(weekly(null), ['fire 05-04T00:00', 'to 05-04T00:00'])
  t.same(weekly(2 * 86_400), ['fire 05-04T00:00', 'to 05-04T00:00'], 'as old as the window is')
})

t.test('after a blackout nothing is caught up', async t => {
  const evening = [{ cron: '0 17 * * *', duration_seconds: 12 * 3600 }]
  t.same(shown(missed({ cron: '0 */6 * * *' }, ...day, evening)), [
    'fire 05-01T12:00',
    'missed 05-01T06:00 05-01T06:00 1',
    'blackout 05-01T18:00 05-02T00:00 2',
    'to 05-02T00:00',
  ])
  t.same(shown(missed({ cron: '0 18,20 * * *', catch_up: 'all' }, ...day, evening)), [
    'blackout 05-01T18:00 05-01T20:00 2',
    'to 05-01T20:00',
  ])
})

t.test('an instance in a gap that is to be skipped is put on record as such', async t => {
  const schedule: ScheduleRule = { cron: '30 2 * * *', time_zone: 'Europe/Berlin', dst_gap: 'skip' }
  t.same(shown(missed(schedule, '2026-03-27T12:00:00Z', '2026-03-29T01:00:00Z')), [
    'fire 03-28T01:30',
    'gap 03-29T01:00 03-29T01:00 1',
    'to 03-29T01:00',
  ])
})

t.test('an instance that is not due yet, by its jitter, was not missed', async t => {
  const jittered = plan({ cron: '0 * * * *', jitter_seconds: 3600, catch_up: 'none' })
  const from = instant(day[0])
  for (let n = 0; n < 200; n += 1) {
    const until = from + n * 432_100
    const { position } = catchUp(jittered, [], from, until, until)
    const next = jittered.next(position)!
    t.ok(next.due > until)
    if (position > from) t.ok(jittered.next(position - 1)!.due <= until)
  }
})

/** Counts the questions to a schedule for its next instance, and has the result. */
function counted(schedule: ScheduleRule, after: number, until: number, rules: BlackoutRule[] = []) {
  const { next, ...rest } = plan(schedule)
  let asked = 0
  const counting = {
    ...rest,
    next: (after: number) => {
      asked += 1
      return next(after)
    },
  }
  return { caught: catchUp(counting, blackouts(...rules), after, until, until), asked: () => asked }
}

t.test('a year of seconds is decided about in bounded work', async t => {
  const [from, to] = [instant('2026-01-01T00:00:00Z'), instant('2027-01-01T00:00:00Z')]
  const nights = [{ cron: '0 22 * * *', duration_seconds: 8 * 3600 }]
  for (const rules of [[], nights])
    for (const catch_up of ['none', 'last', 'all'] as const)
      for (const catch_up_window_seconds of [null, 0, 86_400]) {
        const schedule = { cron: '* * * * * *', catch_up, catch_up_window_seconds }
        const { caught, asked } = counted(schedule, from, to, rules)
        t.ok(asked() < 21_000, `${asked()} times`)
        t.ok(caught.skippedRanges.length <= 3)
        if (catch_up !== 'all') t.equal(caught.position, to)
        else t.ok(caught.position > from)
      }
  const { caught } = counted({ cron: '* * * * * *' }, from, to)
  t.same(shown(caught), [
    'fire 01-01T00:00',
    'missed 01-01T00:00:01 12-31T23:59:59 at least 10002',
    'to 01-01T00:00',
  ])
  t.equal(caught.fire?.at, to, 'of the next year')
})

t.test('more than a hundred ranges are one for each reason', async t => {
  const weekends = [{ cron: '0 0 * * 6,0', duration_seconds: 86_400 }]
  const daily: ScheduleRule = { cron: '0 12 * * *', catch_up: 'none' }
  t.same(shown(missed(daily, '2025-01-01T00:00:00Z', '2026-01-01T00:00:00Z', weekends)), [
    'missed 01-01T12:00 12-31T12:00 261',
    'blackout 01-04T12:00 12-28T12:00 104',
    'to 12-31T12:00',
  ])
})

t.test('all comes to an end also where nothing may start', async t => {
  const always = [{ cron: '0 * * * *', duration_seconds: 3600 }]
  const schedule: ScheduleRule = { cron: '*/10 * * * *', catch_up: 'all', catch_up_window_seconds: null }
  const until = instant('2027-01-01T00:00:00Z')
  let [position, count, calls] = [instant('2026-01-01T00:00:00Z'), 0, 0]
  for (let isDone = false; !isDone; calls += 1) {
    const { caught, asked } = counted(schedule, position, until, always)
    t.ok(asked() < 21_000)
    t.equal(caught.fire, undefined)
    count += caught.skippedRanges.reduce((sum, range) => sum + range.count, 0)
    position = caught.position
    isDone = caught.isDone
  }
  t.equal(count, 365 * 144)
  t.equal(position, until)
  t.ok(calls < 12)
})

t.test('no instants are too strange to ask about', async t => {
  const strange = [Number.NaN, Infinity, -Infinity, 8.64e15, -8.64e15, 1e300, 0]
  for (const after of strange)
    for (const until of strange)
      for (const schedule of [
        { cron: '0 0 29 2 *' },
        { every: { seconds: 1 } },
        { at: '9999-12-31T00:00:00Z' },
      ]) {
        const { caught, asked } = counted({ ...schedule, catch_up_window_seconds: null }, after, until)
        t.ok(asked() < 21_000, `${JSON.stringify(schedule)} from ${after} to ${until}`)
        t.ok(caught.isDone)
      }
})
