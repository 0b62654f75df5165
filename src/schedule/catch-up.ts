/*
 * Decides about the instances that nobody started: after an outage or a pause some of them start late, by the
 * policy of the schedule, and the others are put on record. The work of one call is bounded, however many
 * were missed.
 */
import { type BlackoutPlan, blackoutOf, firstStarting } from './blackouts.ts'
import { earliest, type Instance, latest, type Plan } from './schedule.ts'
import type { Instant } from './zoned-fires.ts'

/** Instances that did not start, for one reason. */
export interface SkippedRange {
  reason: 'missed' | 'blackout' | 'gap'
  /** When the first of them was scheduled for. */
  from: Instant
  /** When the last of them was scheduled for. */
  to: Instant
  count: number
  /** There are more than were counted, perhaps some of them for another reason. */
  more?: true
}

export interface CaughtUp {
  /** The instance to start late. */
  fire?: Instance
  /** The schedule is worked through to here: the `after` of the next call, or of `next`. */
  position: Instant
  /**
   * All instances after `after` and up to `position` except `fire`. A range has instances that follow one
   * another; if there are too many ranges or instances, there is one range for each reason.
   */
  skippedRanges: SkippedRange[]
  /** Whether nothing is left that was missed: if not, the caller comes again with `position`. */
  isDone: boolean
}

/** So many instances are walked through one by one for a part of the answer. */
const mostWalked = 10_000

/** More ranges are made into one for each reason. */
const mostRanges = 100

/** Steps back to find the last instance that starts. */
const mostSteps = 200

/**
 * Decides about the instances after `after` that were due by `until`, of which none was started. With the
 * policy `last` it gives the last one, with `all` the first one of those that start late; `now` says which
 * are older than the window.
 */
export function catchUp(
  plan: Plan,
  blackouts: readonly BlackoutPlan[],
  after: Instant,
  until: Instant,
  now: Instant,
): CaughtUp {
  const end = after < until ? lastDue(plan, after, until)?.at : undefined
  if (end === undefined) return { position: after, skippedRanges: [], isDone: true }
  const { catch_up, catch_up_window_seconds: window } = plan.schedule
  const oldest = window === null ? -Infinity : now - window * 1000
  const skipped = new RangeList(plan, blackouts)
  if (catch_up === 'all') {
    const old = Math.max(after, Math.min(oldest - 1, end))
    skipped.walk(after, old, 'missed')
    const { instance: fire, looked } = firstStarting(plan, blackouts, old, end)
    skipped.walk(old, fire ? fire.at - 1 : looked, 'blackout')
    return { ...(fire && { fire }), position: looked, skippedRanges: skipped.ranges(), isDone: looked >= end }
  }
  const fire =
    catch_up === 'last' ? lastStarting(plan, blackouts, Math.max(after, oldest - 1), end) : undefined
  skipped.walk(after, fire ? fire.at - 1 : end, 'missed')
  if (fire) skipped.walk(fire.at, end, 'blackout')
  return { ...(fire && { fire }), position: end, skippedRanges: skipped.ranges(), isDone: true }
}

/** Ranges of instances that did not start. */
class RangeList {
  #ranges: SkippedRange[] = []
  readonly #plan: Plan
  readonly #blackouts: readonly BlackoutPlan[]

  constructor(plan: Plan, blackouts: readonly BlackoutPlan[]) {
    this.#plan = plan
    this.#blackouts = blackouts
  }

  ranges(): SkippedRange[] {
    if (this.#ranges.length <= mostRanges && !this.#ranges.some(({ more }) => more)) return this.#ranges
    return [...Map.groupBy(this.#ranges, ({ reason }) => reason).values()].map(ranges => ({
      ...ranges[0]!,
      to: ranges.at(-1)!.to,
      count: ranges.reduce((sum, { count }) => sum + count, 0),
      ...(ranges.some(({ more }) => more) && { more: true as const }),
    }))
  }

  /**
   * Adds the instances after one instant and not after another one; if they are too many, the rest has one
   * reason.
   */
  walk(after: Instant, until: Instant, restReason: SkippedRange['reason']): void {
    let one = this.#plan.next(after)
    for (let count = 0; one !== undefined && one.at <= until; count += 1) {
      if (count === mostWalked) {
        const to = lastBetween(this.#plan, one.at, until)?.at
        this.#ranges.push({
          reason: restReason,
          from: one.at,
          to: to ?? one.at,
          count: to === undefined ? 1 : 2,
          more: true,
        })
        return
      }
      const isOut = blackoutOf(this.#blackouts, one) !== undefined
      this.#add(one.skipped ?? (isOut ? 'blackout' : 'missed'), one.at)
      one = this.#plan.next(one.at)
    }
  }

  #add(reason: SkippedRange['reason'], at: Instant): void {
    const last = this.#ranges.at(-1)
    if (last === undefined || last.reason !== reason || last.more)
      this.#ranges.push({ reason, from: at, to: at, count: 1 })
    else {
      last.to = at
      last.count += 1
    }
  }
}

/**
 * The last of the instances that come after an instant and before the first one that is due after `until`.
 */
function lastDue(plan: Plan, after: Instant, until: Instant): Instance | undefined {
  // These are due whatever their jitter is.
  let last = lastBetween(plan, after, until - plan.schedule.jitter_seconds * 1000)
  for (let count = 0; count < mostWalked; count += 1) {
    const one = plan.next(last?.at ?? after)
    if (one === undefined || one.due > until) break
    last = one
  }
  return last
}

/**
 * The last instance after an instant, to `until`, that is neither skipped nor in a blackout, if one is near
 * its end.
 */
function lastStarting(
  plan: Plan,
  blackouts: readonly BlackoutPlan[],
  after: Instant,
  until: Instant,
): Instance | undefined {
  let one = lastBetween(plan, after, until)
  for (let count = 0; count < mostSteps && one !== undefined; count += 1) {
    const blackout = blackoutOf(blackouts, one)
    if (blackout === undefined && one.skipped === undefined) return one
    one = lastBetween(plan, after, Math.min(one.at, blackout?.from ?? Infinity) - 1)
  }
  return undefined
}

/** The last instance after an instant, to `until`. */
function lastBetween({ next }: Plan, after: Instant, until: Instant): Instance | undefined {
  const lowest = Math.max(after, earliest - 1)
  const within = (from: Instant) => {
    const one = next(from)
    return one !== undefined && one.at <= until ? one : undefined
  }
  // No instance is after `high`; the loop steps back, ever further, until it finds one.
  let high = Math.min(until, latest)
  let last: Instance | undefined
  for (let step = 1000; last === undefined; step *= 8) {
    const from = Math.max(lowest, high - step)
    last = within(from)
    if (last !== undefined) break
    if (from === lowest) return undefined
    high = from
  }
  // That is usually the last one; if not, halve the rest.
  while (last.at < high) {
    const later = within(last.at)
    if (later === undefined) return last
    last = later
    const middle = Math.floor((last.at + high) / 2)
    const half = within(middle)
    if (half === undefined) high = middle
    else last = half
  }
  return last
}
