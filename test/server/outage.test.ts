import fc from 'fast-check'
import t from 'tap'
import { isOutage } from '../../src/server/outage.ts'

const lease = 60_000
const at = (now: number, monotonic = now) => ({ now, monotonic })

t.test('a sweep every five seconds is no outage, whatever the time', async t => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(15_000), (now, monotonic, gap) => {
      return !isOutage(now, { now, monotonic }, { now: now + gap, monotonic: monotonic + gap }, lease)
    }),
  )
  t.pass()
})

t.test('more than fifteen seconds without a tick are an outage', async t => {
  t.notOk(isOutage(0, at(0), at(15_000), lease))
  t.ok(isOutage(0, at(0), at(15_001), lease))
  t.ok(isOutage(0, undefined, at(15_001), lease), 'of a server that has just started, too')
})

t.test('a wall clock that jumps by more than five seconds is one, to either side', async t => {
  for (const jump of [5001, -5001, 86_400_000, -86_400_000])
    t.ok(isOutage(100_000, at(100_000), at(105_000 + jump, 105_000), lease), `${jump}`)
  for (const jump of [5000, -5000])
    t.notOk(isOutage(100_000, at(100_000), at(105_000 + jump, 105_000), lease), `${jump}`)
})

t.test('a server that starts with its clock before the last tick does not trust it', async t => {
  t.ok(isOutage(100_000, undefined, at(90_000), lease))
  t.notOk(isOutage(100_000, undefined, at(99_000), lease))
})

t.test('with short leases a restart is an outage sooner', async t => {
  t.ok(isOutage(0, undefined, at(501), 2000))
  t.notOk(isOutage(0, undefined, at(500), 2000))
  t.notOk(isOutage(0, at(0), at(501), 2000))
})

t.test('with short leases a pause of the process is an outage before it ends them', async t => {
  t.ok(isOutage(0, at(0), at(1001), 2000))
  t.notOk(isOutage(0, at(0), at(1000), 2000))
})

t.test('the first server of all has had no outage', async t => {
  t.notOk(isOutage(undefined, undefined, at(1e12), lease))
})
