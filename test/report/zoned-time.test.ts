import t from 'tap'
import { fromNow, namedZonedTime, roughDuration, zonedTime } from '../../src/report/zoned-time.ts'

t.test('times are those of the clocks in a zone', t => {
  t.equal(zonedTime('2026-12-01T01:30:00.000Z', 'Europe/Berlin'), 'Tue 1 Dec 2026 02:30')
  t.equal(zonedTime('2026-12-01T01:30:05.000Z', 'America/New_York'), 'Mon 30 Nov 2026 20:30:05')
  t.equal(namedZonedTime('2026-12-01T01:30:00.000Z', 'Europe/Berlin'), 'Tue 1 Dec 2026 02:30 (Europe/Berlin)')
  t.equal(
    namedZonedTime('2026-12-01T01:30:00.000Z', 'Moon/Base'),
    'Tue 1 Dec 2026 01:30 (UTC)',
    'a newer server may know more zones',
  )
  t.end()
})

t.test('how far away a time is', t => {
  const now = new Date('2026-12-01T00:00:00Z')
  const after = (seconds: number) => fromNow(new Date(now.getTime() + seconds * 1000).toISOString(), now)
  t.same([0.5, 89, 600, 7 * 3600, 3 * 86_400, -600].map(after), [
    'now',
    'in 89 s',
    'in 10 min',
    'in 7 h',
    'in 3 days',
    '10 min ago',
  ])
  t.equal(roughDuration(5399), '1 h 30 min')
  t.end()
})
