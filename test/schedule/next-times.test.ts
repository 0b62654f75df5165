import t from 'tap'
import { nextTimes } from '../../src/schedule/next-times.ts'
import type { ScheduleRule } from '../../src/schedule/schedule.ts'
import { blackouts, instant, plan, short } from '../support/schedules.ts'

const berlin = (schedule: ScheduleRule, from: string) =>
  nextTimes(plan({ time_zone: 'Europe/Berlin', ...schedule }), [], [], instant(from), 2)

t.test('each time is shown on the clocks of the zone', async t => {
  const times = berlin({ cron: '30 2 * * *', jitter_seconds: 60 }, '2026-06-01T12:00:00Z')
  t.same(
    times.map(({ local, notes }) => [local, notes]),
    [
      ['2026-06-02T02:30:00+02:00[Europe/Berlin]', []],
      ['2026-06-03T02:30:00+02:00[Europe/Berlin]', []],
    ],
  )
  t.ok(times.every(({ at, due }) => due >= at && due < at + 60_000))
  t.equal(
    nextTimes(plan({ at: '2026-01-01T00:00:00.250Z' }), [], [], 0, 10)[0]!.local,
    '2026-01-01T00:00:00.25+00:00[UTC]',
  )
})

t.test('what a change of the clocks does to a time is said', async t => {
  const note = (schedule: ScheduleRule, from: string) => berlin({ cron: '30 2 * * *', ...schedule }, from)[0]!
  const moved = note({}, '2026-03-28T12:00:00Z')
  t.equal(moved.local, '2026-03-29T03:00:00+02:00[Europe/Berlin]')
  t.same(moved.notes, [
    'The clocks of Europe/Berlin leave this time out, so it starts at the first instant after the gap.',
  ])
  t.match(note({ dst_gap: 'skip' }, '2026-03-28T12:00:00Z').notes, [
    /so it does not start \(dst_gap: skip\)\.$/,
  ])
  for (const [dst_overlap, said] of [
    ['first', /show this time twice: it starts the first time/],
    ['last', /it starts the second time/],
    ['both', /it starts both times/],
  ] as const)
    t.match(note({ dst_overlap }, '2026-10-24T12:00:00Z').notes, [said])
})

t.test('a time in a blackout is shown, and says whose blackout it is', async t => {
  const [lunch, noon] = [
    blackouts({ cron: '30 11 * * *', duration_seconds: 3600, time_zone: 'Europe/Berlin' }),
    blackouts({ cron: '0 10 * * *', duration_seconds: 60 }),
  ]
  const times = nextTimes(
    plan({ cron: '0 9-13 * * *', time_zone: 'Europe/Berlin' }),
    lunch,
    noon,
    instant('2026-05-01T08:00:00Z'),
    3,
  )
  t.same(
    times.map(({ at, notes }) => [short(at), ...notes]),
    [
      ['05-01T09:00'],
      [
        '05-01T10:00',
        'It does not start: the job has a blackout from 2026-05-01T11:30:00+02:00[Europe/Berlin] to 2026-05-01T12:30:00+02:00[Europe/Berlin].',
        'It does not start: the server has a blackout from 2026-05-01T12:00:00+02:00[Europe/Berlin] to 2026-05-01T12:01:00+02:00[Europe/Berlin].',
      ],
      ['05-01T11:00'],
    ],
  )
})

t.test('there are as many as are asked for, or fewer', async t => {
  const count = (schedule: ScheduleRule, asked: number) => nextTimes(plan(schedule), [], [], 0, asked).length
  t.equal(count({ cron: '* * * * *' }, 10), 10)
  t.equal(count({ cron: '* * * * *' }, 0), 0)
  t.equal(count({ at: '2026-05-01T00:00:00Z' }, 10), 1)
  t.equal(count({ every: { seconds: 60 }, ends_at: '1970-01-01T00:05:00Z' }, 10), 4)
})
