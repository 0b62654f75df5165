import t from 'tap'
import type { ScheduleView } from '../../src/protocol/messages/schedules.ts'
import { missedReasons } from '../../src/protocol/missed-reasons.ts'
import { calendarOf, jobCall, missedTexts, placeOf, progressOf, shareText } from '../../src/web/jobs.ts'
import { jobPath } from '../../src/web/paths.ts'

t.test('a job has an address, with its namespace where that is not the default one', async t => {
  t.equal(jobPath({ name: 'a.b', namespace: 'default' }), '/jobs/a.b')
  t.equal(jobPath({ name: 'a', namespace: 'own' }), '/jobs/a?namespace=own')
  t.equal(jobCall({ name: 'a', namespace: 'default' }, '/run'), '/v1/jobs/a/run?namespace=default')
})

t.test('the page says why a time was not fired as the commands do', async t => {
  t.same(missedTexts, missedReasons)
})

t.test('a share is shown as 100 % only where it is all', async t => {
  t.same([null, 0, 0.5, 0.999, 1].map(shareText), ['–', '0 %', '50 %', '99 %', '100 %'])
})

t.test('the progress of a run is known where its usual duration is', async t => {
  t.same(
    [progressOf(5, 10), progressOf(50, 10), progressOf(-1, 10), progressOf(5, null), progressOf(5, 0)],
    [0.5, 1, 0, undefined, undefined],
  )
})

const schedule = (job: string, times: Date[], more = false): ScheduleView => ({
  job,
  namespace: 'default',
  schedule: null,
  text: '',
  enabled: true,
  paused_at: null,
  scheduled_for: null,
  due_at: null,
  last_scheduled_for: null,
  times: times.map(time => time.toISOString()),
  more,
})

t.test('the calendar has what starts at each hour of seven local days', async t => {
  const now = new Date(2026, 10, 30, 22, 15)
  const poll = schedule('poll', [new Date(2026, 10, 30, 23, 0), new Date(2026, 10, 30, 23, 30)])
  const nightly = schedule('nightly', [new Date(2026, 11, 1, 2, 30), new Date(2026, 11, 2, 2, 30)])
  const late = schedule('late', [new Date(2026, 11, 7, 1, 0)])
  const often = schedule('often', [new Date(2026, 10, 30, 23, 1)], true)
  const { days, hours } = calendarOf([nightly, poll, late, often], now)
  t.same(
    days.map(day => day.getDate()),
    [30, 1, 2, 3, 4, 5, 6],
  )
  t.match(hours, [{ hour: 2 }, { hour: 23 }])
  t.equal(hours.length, 2)
  t.match(hours[1]!.starts[0], [{ schedule: { job: 'poll' }, times: { length: 2 } }])
  t.match(hours[0]!.starts[2], [{ schedule: { job: 'nightly' } }])
  t.same(hours[0]!.starts[3], [])
})

t.test('a complaint of the server leads to the field that it names', async t => {
  const text = JSON.stringify({ image: 'i', schedule: { cron: 'x' }, blackouts: [{ cron: 'y' }] }, null, 2)
  const found = (complaint: string) => {
    const place = placeOf(text, complaint)
    return place === undefined ? undefined : [text.slice(place.from, place.to), place.from]
  }
  t.same(found('schedule.cron in the body must be a string'), ['"cron"', text.indexOf('"cron"')])
  t.same(found('blackouts.0.cron in the body is empty'), ['"cron"', text.lastIndexOf('"cron"')])
  t.same(found('/image is wrong'), ['"image"', text.indexOf('"image"')])
  t.same(found('schedule in the body has an unknown field "cron"'), ['"cron"', text.indexOf('"cron"')])
  t.equal(found('this image is not allowed'), undefined)
  t.equal(found('/name is b, and the path says a'), undefined)
})
