import t from 'tap'
import { TimeZones, timeInZone } from '../../src/schedule/time-zones.ts'
import { instant } from '../support/schedules.ts'

const zones = new TimeZones()

t.test('a zone is found by its name, and is one however it is written', async t => {
  const [zone, other] = [zones.named('Europe/Berlin'), zones.named('europe/BERLIN')]
  if (!zone.ok || !other.ok) return t.fail('both are known')
  t.equal(zone.value, other.value)
  t.equal(zone.value.name, 'Europe/Berlin')
  t.equal(timeInZone(instant('2026-10-25T00:30:00Z'), zone.value), '2026-10-25T02:30:00+02:00[Europe/Berlin]')
  t.equal(timeInZone(instant('2026-10-25T01:30:00Z'), zone.value), '2026-10-25T02:30:00+01:00[Europe/Berlin]')
})

for (const [name, said] of [
  ['Europe/Berln', /did you mean `Europe\/Berlin`\?/],
  ['tokyo', /did you mean `Asia\/Tokyo`\?/],
  ['Mars/Olympus_Mons', /its name is one like `Europe\/Berlin` or `UTC`/],
  ['../../etc/localtime', /no time zone is called/],
  ['UTC[u-ca=iso8601]', /no time zone is called/],
  ['Europe/Berlin\u0000', /no time zone is called/],
  ['2026-01-01T00:00Z[UTC]', /no time zone is called/],
  ['x'.repeat(65), /at most 64 characters/],
] as const)
  t.test(`${JSON.stringify(name).slice(0, 40)} is refused`, async t => {
    const zone = zones.named(name)
    t.match(zone.ok ? 'not refused' : zone.failure, said)
  })
