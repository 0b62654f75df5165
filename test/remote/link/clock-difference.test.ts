import t from 'tap'
import { ClockDifference } from '../../../src/remote/link/clock-difference.ts'

t.test('of several samples the one with the shortest way is believed', async t => {
  const clocks = new ClockDifference()
  t.equal(clocks.best, undefined)
  clocks.add({ offset: 1000, round_trip: 800 }, 0)
  clocks.add({ offset: 700, round_trip: 4 }, 1)
  for (let at = 2; at < 20; at++) clocks.add({ offset: 900, round_trip: 500 }, at)
  t.match(clocks.best, { offset: 700, round_trip: 4 })
})

t.test('it does not last for ever', async t => {
  const clocks = new ClockDifference()
  clocks.add({ offset: 0, round_trip: 0 }, 0)
  clocks.add({ offset: 40, round_trip: 100 }, 700)
  t.match(clocks.best, { offset: 40 })
  for (let at = 701; at < 800; at++) clocks.add({ offset: 45, round_trip: 101 }, at)
  t.match(clocks.best, { offset: 45 })
})

t.test('when one of the clocks is set, what was known before is forgotten', async t => {
  const clocks = new ClockDifference()
  for (let at = 0; at < 10; at++) clocks.add({ offset: 5, round_trip: 2 }, at)
  clocks.add({ offset: 3_600_005, round_trip: 900 }, 10)
  t.match(clocks.best, { offset: 3_600_005 })
  clocks.add({ offset: 3_600_020, round_trip: 3 }, 11)
  clocks.add({ offset: 3_600_100, round_trip: 300 }, 12)
  t.match(clocks.best, { offset: 3_600_020 })
  clocks.add({ offset: 0, round_trip: 300 }, 13)
  t.match(clocks.best, { offset: 0 }, 'and back')
})
