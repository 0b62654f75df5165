import fc from 'fast-check'
import t from 'tap'
import { lookAtClocks, type Sighting } from '../../../src/server/rules/outage.ts'
import { jumpsOf, type SweepMark } from '../../../src/store/sweep-mark.ts'
import { WatchedTime } from '../../../src/store/watched-time.ts'

const lease = 60_000
const day = 86_400_000
const at = (now: number, monotonic = now) => ({ now, monotonic })
const times = (tick: number, more: Partial<SweepMark> = {}): SweepMark => ({
  tick,
  watched: tick,
  keep: 0,
  jumps: [],
  ...more,
})
const isOutage = (tick: number | undefined, last: Sighting | undefined, now: Sighting, lease: number) =>
  lookAtClocks(tick === undefined ? undefined : times(tick), last, now, lease).outage

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

/** The events between two sweeps: time passes, the clock jumps, the process is another one. */
const anyStep = fc.record({
  seconds: fc.oneof(fc.nat(14), fc.nat(14), fc.nat(1000)),
  jump: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -40_000_000, max: 40_000_000 })),
  restart: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
})
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

/** Every sweep of a history, with what passed before it. */
function* history(steps: readonly Step[]) {
  let clock = at(1e12, 0)
  let found = lookAtClocks(undefined, undefined, clock, lease)
  let last: Sighting | undefined = clock
  for (const step of steps) {
    const passed = step.seconds * 1000
    clock = { now: clock.now + passed + step.jump * 1000, monotonic: clock.monotonic + passed }
    const before = found.times
    if (step.restart) last = undefined
    found = lookAtClocks(before, last, clock, lease)
    yield { ...step, passed, before, ...found, clock }
    last = clock
  }
}

t.test('watched time is what passed between sweeps that came in time, and nothing else', async t => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), steps => {
      for (const { passed, restart, before, times } of history(steps)) {
        const counts = !restart && passed <= 15_000
        if (times.watched - before.watched !== (counts ? passed : 0)) return false
      }
      return true
    }),
  )
  t.pass()
})

t.test('after a jump or a long absence nothing old is removed for 24 h that a server runs', async t => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 100 }), steps => {
      let since = Number.POSITIVE_INFINITY
      for (const { passed, jump, restart, before, clock, times } of history(steps)) {
        since += restart ? 0 : passed
        const long = Math.abs(clock.now - before.tick) > day
        const jumped = restart ? clock.now < before.tick - 5000 : Math.abs(jump * 1000) > 5000
        if (long || jumped) since = 0
        if (since < day !== times.keep > 0) return false
      }
      return true
    }),
  )
  t.pass()
})

t.test(
  'a clock that was wrong for a while, and is right again, expires no token and revives none',
  async t => {
    const wrong = fc.record({
      by: fc.oneof(fc.integer({ min: -400 * 86_400, max: -6 }), fc.integer({ min: 6, max: 400 * 86_400 })),
      /** Seconds. */
      for: fc.integer({ min: 5, max: 4 * 3600 }),
      left: fc.integer({ min: -1e6, max: 1e6 }),
      made: fc.boolean(),
    })
    fc.assert(
      fc.property(wrong, ({ by, for: seconds, left, made }) => {
        let clock = at(1e12, 0)
        let { times } = lookAtClocks(undefined, undefined, clock, lease)
        let real = clock.now
        const token = { expires_at: real + left * 1000, watched_at: made ? times.watched : 0 }
        const sweep = (jump: number) => {
          const next = { now: clock.now + 5000 + jump * 1000, monotonic: clock.monotonic + 5000 }
          real += 5000
          times = lookAtClocks(times, clock, next, lease).times
          clock = next
          const seen = { now: clock.now, watched: times.watched, jumps: jumpsOf(times), longest: 15_000 }
          const watch = new WatchedTime(() => clock.monotonic, seen)
          return watch.isExpired(token) === token.expires_at <= real
        }
        for (let passed = 0; passed < 60; passed += 5) if (!sweep(0)) return false
        if (!sweep(by)) return false
        for (let passed = 5; passed < seconds; passed += 5) if (!sweep(0)) return false
        if (!sweep(-by)) return false
        // Up to a day and more after it, too.
        for (let passed = 0; passed < 90_000; passed += 5) if (!sweep(0)) return false
        return true
      }),
      { numRuns: 20 },
    )
    t.pass()
  },
)

t.test('after 24 hours a jump is believed', async t => {
  let clock = at(1e12, 0)
  let { times } = lookAtClocks(undefined, undefined, clock, lease)
  const token = { expires_at: 1e12 + 3600_000, watched_at: 0 }
  const expired = () =>
    new WatchedTime(() => clock.monotonic, {
      ...times,
      now: clock.now,
      jumps: jumpsOf(times),
      longest: 0,
    }).isExpired(token)
  const sweep = (jump: number) => {
    const next = at(clock.now + 5000 + jump, clock.monotonic + 5000)
    times = lookAtClocks(times, clock, next, lease).times
    clock = next
  }
  sweep(400 * day)
  t.notOk(expired())
  for (let passed = 0; passed < 3500; passed += 5) sweep(0)
  t.notOk(expired(), 'it has not lived for an hour yet')
  for (let passed = 3500; passed < 3600; passed += 5) sweep(0)
  t.ok(expired(), 'by then it has, whatever the clock says')
  t.equal(times.jumps.length, 1)
  for (let passed = 3600; passed < 86_400; passed += 5) sweep(0)
  t.equal(times.jumps.length, 0)
})
