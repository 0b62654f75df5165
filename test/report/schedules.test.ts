import t from 'tap'
import type { ScheduleView } from '../../src/protocol/messages/schedules.ts'
import { byNextTime, missedText, nextText, nextTimesText, schedulesText } from '../../src/report/schedules.ts'
import { scheduleView } from '../support/answers.ts'

const now = new Date('2026-11-30T19:00:00Z')

/** It has run last night. */
const view = (job: string, more: Partial<ScheduleView> = {}) =>
  scheduleView(job, { last_scheduled_for: '2026-11-30T01:30:00.000Z', ...more })

t.test('schedules are listed with their next times, those that never come last', t => {
  const never = view('a-once', { scheduled_for: null, due_at: null, last_scheduled_for: null, text: 'once' })
  const soon = view('zoo', { due_at: '2026-11-30T19:10:00.000Z' })
  const off = view('off', { enabled: false, problem: 'its schedule cannot be read' })
  const sorted = [never, view('nightly'), off, soon].sort(byNextTime)
  t.same(
    sorted.map(({ job }) => job),
    ['zoo', 'nightly', 'off', 'a-once'],
  )
  t.equal(
    schedulesText(sorted, now),
    `job      schedule                  next                                 last                   state
zoo      30 2 * * * Europe/Berlin  Tue 1 Dec 2026 02:30  in 10 min      Mon 30 Nov 2026 02:30  enabled
nightly  30 2 * * * Europe/Berlin  Tue 1 Dec 2026 02:30  in 6 h 30 min  Mon 30 Nov 2026 02:30  enabled
off      30 2 * * * Europe/Berlin  Tue 1 Dec 2026 02:30  in 6 h 30 min  Mon 30 Nov 2026 02:30  disabled
a-once   once                      never                                                       enabled
off: its schedule cannot be read
`,
  )
  t.match(schedulesText([view('x', { namespace: 'team-a' })], now), /^namespace +job .*\nteam-a +x /)
  t.match(
    schedulesText([view('x', { paused_at: '2026-11-30T18:00:00.000Z' })], now),
    /paused since 2026-11-30 /,
  )
  t.equal(schedulesText([], now), 'no job has a schedule\n')
  t.end()
})

const note =
  'The clocks of Europe/Berlin show this time twice: it starts the first time (dst_overlap: first).'
const overlap = {
  scheduled_for: '2026-10-25T00:30:00.000Z',
  due_at: '2026-10-25T00:30:00.000Z',
  local: '2026-10-25T02:30:00+02:00[Europe/Berlin]',
  notes: [note],
}

t.test('next times are shown in the zone of the job and in UTC, with what there is to say of them', t => {
  const before = new Date('2026-10-24T22:30:00Z')
  t.equal(
    nextTimesText({ items: [overlap] }, before),
    `Europe/Berlin          UTC
Sun 25 Oct 2026 02:30  Sun 25 Oct 2026 00:30  in 2 h
  ${note}
`,
  )
  const late = { ...overlap, due_at: '2026-10-25T00:31:07.000Z', notes: [] }
  t.match(
    nextTimesText({ items: [late] }, before),
    /^Europe\/Berlin +UTC +with jitter\n.* 02:31:07 +in 2 h 1 min\n$/,
  )
  const utc = { ...late, local: '2026-10-25T00:30:00+00:00[UTC]', due_at: late.scheduled_for }
  t.match(nextTimesText({ items: [utc] }, before), /^UTC\nSun 25 Oct 2026 00:30 +in 2 h\n$/)
  t.equal(nextText(overlap, before), 'Sun 25 Oct 2026 02:30 (Europe/Berlin), in 2 h')
  t.match(nextText(late, before), /, in 2 h 1 min with its jitter$/)
  t.end()
})

t.test('what was not fired is told with the reason', t => {
  const missed = {
    id: '1',
    job: 'nightly',
    namespace: 'default',
    reason: 'outage' as const,
    count: 1,
    from: '2026-11-29T01:30:00.000Z',
    to: '2026-11-29T01:30:00.000Z',
  }
  const many = { ...missed, job: 'ticks', count: 100_000, more: true, to: '2026-11-30T01:30:00.000Z' }
  const newer = { ...missed, reason: 'full-moon' as 'outage' }
  const text = missedText([missed, many, newer])
  t.match(text, /^job +not fired +from +to +why\nnightly +1 time +2026-11-29 \S+ +no server ran\n/)
  t.match(text, /\nticks +more than 100000 times +2026-11-29 \S+ +2026-11-30 \S+ +no server ran\n/)
  t.match(text, /\nnightly .* full moon\n$/)
  t.end()
})
