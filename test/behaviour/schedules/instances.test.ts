/*
 * Instances, blackouts and what becomes of missed instances, against lists that are made of what Temporal says of every
 * minute: every instance of a time is started or put on record, once.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type BlackoutPlan, blackoutOf } from '../../../src/schedule/blackouts.ts'
import { catchUp, type SkippedRange } from '../../../src/schedule/catch-up.ts'
import { nextTimes } from '../../../src/schedule/next-times.ts'
import type { Instance, Plan, ScheduleRule } from '../../../src/schedule/schedule.ts'
import { blackouts, isBlackedOut, plan } from '../../support/schedules.ts'
import { tries } from '../../support/tier.ts'
import { daily, drawnClocks, drawnRules, type WallClocks } from '../../support/wall-clocks.ts'

// A soak draws many.
t.setTimeout(3_600_000)

const hours = 12
const text = (at: number) => new Date(at).toISOString()

const drawnTimes = fc.oneof(
  { arbitrary: fc.record({ patterns: fc.array(daily, { minLength: 1, maxLength: 3 }) }), weight: 3 },
  {
    arbitrary: fc.record({
      seconds: fc.integer({ min: 60, max: 7200 }),
      anchor: fc.integer({ min: -5 * 3600, max: 5 * 3600 }),
    }),
    weight: 1,
  },
)

/** An instant: where in a list, or in the time of the clocks, and by how many milliseconds beside it. */
const drawnInstant = fc.record({
  where: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  beside: fc.option(fc.integer({ min: -1, max: 1 })),
})
type DrawnInstant = typeof drawnInstant extends fc.Arbitrary<infer T> ? T : never

const drawn = fc.record({
  clocks: drawnClocks(hours),
  times: drawnTimes,
  rules: drawnRules,
  bounds: fc.option(fc.tuple(drawnInstant, drawnInstant)),
  jitter: fc.option(fc.integer({ min: 1, max: 1800 })),
  out: fc.array(fc.record({ pattern: daily, minutes: fc.integer({ min: 1, max: 20 }).map(n => n * 15) }), {
    maxLength: 2,
  }),
  catch_up: fc.constantFrom('none', 'last', 'all'),
  window: fc.option(fc.integer({ min: 0, max: hours * 3600 })),
  /** From which part of the day to which one nothing was started. */
  away: fc.tuple(drawnInstant, drawnInstant),
})
type Drawn = typeof drawn extends fc.Arbitrary<infer T> ? T : never

interface Expected {
  at: number
  skipped: boolean
}

/** All instances of a schedule from the begin to the end of its clocks, by the rules of the contract. */
function listed({ clocks, times, rules, bounds }: Drawn): { schedule: ScheduleRule; list: Expected[] } {
  const { schedule, list } = unbounded(clocks, times, rules)
  if (bounds === null) return { schedule, list }
  const all = list.map(({ at }) => at)
  const [starts, ends] = part(clocks, all, bounds)
  return {
    schedule: { ...schedule, starts_at: text(starts), ends_at: text(ends + 1) },
    list: list.filter(({ at }) => at >= starts && at <= ends),
  }
}

function unbounded(
  clocks: WallClocks,
  times: Drawn['times'],
  rules: Drawn['rules'],
): { schedule: ScheduleRule; list: Expected[] } {
  const { begin, end, zone: time_zone } = clocks
  const list: Expected[] = []
  if ('seconds' in times) {
    const first = begin + times.anchor * 1000
    for (let at = first; at < end; at += times.seconds * 1000)
      if (at >= begin) list.push({ at, skipped: false })
    return { schedule: { every: { seconds: times.seconds, anchor: text(first) }, time_zone }, list }
  }
  const all = (gap: 'run' | 'skip') =>
    new Set(times.patterns.flatMap(pattern => clocks.fires(pattern, { ...rules, gap })))
  const own = all('skip')
  for (const at of [...all('run')].sort((a, b) => a - b))
    list.push({ at, skipped: rules.gap === 'skip' && !own.has(at) })
  const cron = times.patterns.map(({ text }) => text)
  return { schedule: { cron, time_zone, dst_gap: rules.gap, dst_overlap: rules.overlap }, list }
}

/** Two instants in the order of time, at those of a list or beside them, or anywhere. */
function part({ begin, end }: WallClocks, list: number[], drawn: DrawnInstant[]): [number, number] {
  const [a, b] = drawn.map(({ where, beside }) =>
    beside === null || list.length === 0
      ? Math.floor(begin + where * (end - begin))
      : Math.min(Math.max(list[Math.floor(where * list.length)]! + beside, begin), end - 1),
  ) as [number, number]
  return a < b ? [a, b] : [b, a]
}

/** The instances after an instant, to another one. */
function walked({ next }: Plan, after: number, until: number): Instance[] {
  const found: Instance[] = []
  for (let one = next(after); one !== undefined && one.at <= until; one = next(one.at)) found.push(one)
  return found
}

/** Schedules that never come, because of their bounds, are refused: nothing is left to compare. */
function compiled(drawn: Drawn): { plan: Plan; list: Expected[] } | undefined {
  const { schedule, list } = listed(drawn)
  if (list.length === 0) return undefined
  const { catch_up, window, jitter } = drawn
  const jitter_seconds = Math.min(jitter ?? 0, schedule.every?.seconds ?? Infinity)
  const rest = { catch_up, catch_up_window_seconds: window, jitter_seconds } as const
  return { plan: plan({ ...schedule, ...rest }), list }
}

t.test('a plan gives all instances and no others', async () => {
  const property = fc.property(drawn, drawn => {
    const { begin, end } = drawn.clocks
    const made = compiled(drawn)
    if (made === undefined) return
    const found = walked(made.plan, begin - 1, end - 1)
    deepEqual(
      found.map(({ at, skipped }) => ({ at, skipped: skipped !== undefined })),
      made.list,
    )
    const jitter = made.plan.schedule.jitter_seconds * 1000
    ok(found.every(({ at, due }) => (jitter === 0 ? due === at : due >= at && due < at + jitter)))
    deepEqual(
      nextTimes(made.plan, [], [], begin - 1, 5)
        .map(({ at }) => at)
        .filter(at => at < end),
      made.list.slice(0, 5).map(({ at }) => at),
    )
  })
  fc.assert(property, { numRuns: tries(100) })
})

/** Blackouts, and the stretches that they are by the oracle: from before the begin of the clocks. */
function outOf({ clocks, out }: Drawn): {
  compiled: BlackoutPlan[]
  isOut: (at: number) => boolean
  edges: number[]
} {
  const { zone, begin, end } = clocks
  const stretches = out.flatMap(({ pattern, minutes }) =>
    clocks
      .fires(pattern, { gap: 'run', overlap: 'first' })
      .map(from => ({ from, to: from + minutes * 60_000 })),
  )
  // The oracle has no list of the day before.
  const first = Math.max(begin, ...out.map(({ minutes }) => begin + minutes * 60_000))
  const compiled = blackouts(
    ...out.map(({ pattern, minutes }) => ({
      cron: pattern.text,
      duration_seconds: minutes * 60,
      time_zone: zone,
    })),
  )
  const isOut = (at: number) =>
    at < first ? isBlackedOut(compiled, at) : stretches.some(({ from, to }) => from <= at && at < to)
  const edges = stretches.flatMap(({ from, to }) => [from - 1, from, to - 1, to])
  return { compiled, isOut, edges: edges.filter(at => at >= first && at < end) }
}

t.test('blackouts are the stretches that they say', async () => {
  const property = fc.property(drawn, drawn => {
    const { compiled, isOut, edges } = outOf(drawn)
    const { begin, end } = drawn.clocks
    for (const at of edges) equal(isBlackedOut(compiled, at), isOut(at), text(at))
    for (let at = begin; at < end; at += 420_001) equal(isBlackedOut(compiled, at), isOut(at), text(at))
    for (let at = end - 1; at > begin; at -= 1_337_003) equal(isBlackedOut(compiled, at), isOut(at), text(at))
  })
  fc.assert(property, { numRuns: tries(50) })
})

t.test('every missed instance starts or is put on record, once, by the policy', async () => {
  const property = fc.property(drawn, drawn => {
    const made = compiled(drawn)
    if (made === undefined) return
    const { compiled: out } = outOf(drawn)
    const { begin, end } = drawn.clocks
    const instants = walked(made.plan, begin - 1, end - 1).flatMap(({ at, due }) => [at, due])
    const [after, until] = part(drawn.clocks, instants, drawn.away)
    const missed: Instance[] = []
    for (const one of walked(made.plan, after, end)) {
      if (one.due > until) break
      missed.push(one)
    }
    const reasonOf = (one: Instance): SkippedRange['reason'] =>
      one.skipped ?? (blackoutOf(out, one) ? 'blackout' : 'missed')
    const oldest = drawn.window === null ? -Infinity : until - drawn.window * 1000
    const able = missed.filter(one => one.at >= oldest && reasonOf(one) === 'missed')
    const expected = { none: [], last: able.slice(-1), all: able }[drawn.catch_up]

    const fired: Instance[] = []
    const skipped: SkippedRange[] = []
    let position = after
    for (let isDone = false; !isDone; ) {
      const caught = catchUp(made.plan, out, position, until, until)
      ok(caught.position >= position)
      if (caught.fire) fired.push(caught.fire)
      skipped.push(...caught.skippedRanges)
      position = caught.position
      isDone = caught.isDone
    }
    deepEqual(fired, expected)
    equal(position, missed.at(-1)?.at ?? after)
    const rest = missed.filter(one => !fired.some(({ at }) => at === one.at))
    for (const reason of ['missed', 'blackout', 'gap'] as const) {
      const ranges = skipped.filter(range => range.reason === reason)
      const those = rest.filter(one => reasonOf(one) === reason)
      equal(
        ranges.reduce((sum, { count }) => sum + count, 0),
        those.length,
        reason,
      )
      equal(ranges[0]?.from, those[0]?.at)
      equal(ranges.at(-1)?.to, those.at(-1)?.at)
      ok(ranges.every(({ more }) => more === undefined))
    }
    // Nobody catches up what was caught up.
    deepEqual(catchUp(made.plan, out, position, until, until), { position, skippedRanges: [], isDone: true })
  })
  fc.assert(property, { numRuns: tries(100) })
})
