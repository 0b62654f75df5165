import t from 'tap'
import { parseCron } from '../../src/schedule/cron-pattern.ts'
import { CronWalks } from '../../src/schedule/cron-walk.ts'

const walks = new CronWalks()

const textOf = (pattern: string, seed = 'default/nightly') => {
  const parsed = parseCron(pattern, seed, walks)
  return parsed.ok ? parsed.value.text : parsed.failure
}

t.test('H stands for a number of its field that only the seed decides', async t => {
  const jobs = Array.from({ length: 1000 }, (_, n) => `default/job-${n}`)
  const minutes = jobs.map(job => Number(textOf('H 3 * * *', job).split(' ')[0]))
  t.same(
    minutes,
    jobs.map(job => Number(textOf('H 3 * * *', job).split(' ')[0])),
    'for ever',
  )
  t.ok(minutes.every(minute => minute >= 0 && minute <= 59))
  t.equal(new Set(minutes).size, 60, 'a thousand spread over the hour')
  for (const job of jobs.slice(0, 100)) {
    const [minute, hour, day, , weekday] = textOf('H(10-19) H/6 H * H', job).split(' ')
    t.match(minute, /^1\d$/)
    t.match(hour, /^[0-5]-23\/6$/)
    t.ok(Number(day) >= 1 && Number(day) <= 28, 'a day that every month has')
    t.ok(Number(weekday) >= 0 && Number(weekday) <= 6)
  }
})

t.test('names, months and days of the week are read', async t => {
  t.equal(textOf('@hourly'), '0 * * * *')
  t.equal(textOf(' @Daily '), '0 0 * * *')
  for (const pattern of [
    '0 0 L * *',
    '0 0 * JAN-mar MON',
    '0 0 * * 5#2',
    '0 0 * * fri#L',
    '15 30 2 * * *',
    '0 0 LW * *',
    '0 0 15W * *',
  ])
    t.ok(parseCron(pattern, '', walks).ok, pattern)
})

for (const [pattern, said] of [
  ['', /five fields .* this has 1/],
  ['* * * *', /this has 4/],
  ['0 0 1 1 * 2020 1', /this has 7/],
  ['2027-01-01T00:00:00', /this has 1/],
  ['@reboot', /no pattern is called @reboot: @yearly/],
  ['0 25 * * *', /`25` in `0 25 \* \* \*` is no hour \(0 to 23\)/],
  ['0 0 * 13 *', /`13` in .* is no month \(1 to 12\)/],
  ['0 0 0 * *', /`0` in .* is no day of month \(1 to 31\)/],
  ['0 0 * * 8', /is no day of week/],
  ['0 0 * * foo', /`foo` in .* is no day of week/],
  ['*/0 * * * *', /is no cron pattern: /],
  ['H(50-70) * * * *', /`H\(50` in .* is no minute/],
  ['0 0 30 2 *', /`0 0 30 2 \*` never comes/],
  ['0 0 31 4,6 *', /never comes/],
  [`${'1,'.repeat(400)}1 * * * *`, /at most 500 characters/],
  ['0 0 * * *\u0000', /is no day of week/],
] as const)
  t.test(`${JSON.stringify(pattern).slice(0, 40)} is refused`, async t => {
    const parsed = parseCron(pattern, '', walks)
    t.equal(parsed.ok, false)
    t.match(parsed.ok ? parsed.value.text : parsed.failure, said)
  })
