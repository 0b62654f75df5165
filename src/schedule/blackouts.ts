/* Blackouts: stretches of time, by a pattern and a duration, in which no instance of a schedule starts. */
import { fail, ok, type Result } from '../result.ts'
import { parseCrons } from './cron-pattern.ts'
import type { Instance, Plan } from './schedule.ts'
import type { ScheduleCache } from './schedule-cache.ts'
import { fireAfter, type Instant } from './zoned-fires.ts'

/** A blackout in the form that a job or the settings of the server have in the protocol. */
export interface BlackoutRule {
  /** When each begins; `H` is allowed. */
  cron: string | string[]
  duration_seconds: number
  /** UTC where none is given. */
  time_zone?: string
}

/** One blackout: `from` is its first instant, `to` the first one after it. */
export interface Interval {
  from: Instant
  to: Instant
}

export interface BlackoutPlan {
  /** The blackout that an instant is in; of two that overlap the one that began first. */
  covering(at: Instant): Interval | undefined
}

const longest = 365 * 86_400
const most = 64

/**
 * Reads the blackouts of a job, or of a server; `seed` decides what `H` is in them. Fails with a sentence for
 * the person who has put them.
 */
export function compileBlackouts(
  rules: readonly BlackoutRule[],
  seed: string,
  cache: ScheduleCache,
): Result<BlackoutPlan[], string> {
  if (rules.length > most) return fail(`there are at most ${most} blackouts`)
  const blackouts: BlackoutPlan[] = []
  for (const rule of rules) {
    const blackout = compileBlackout(rule, seed, cache)
    if (!blackout.ok) return fail(`a blackout: ${blackout.failure}`)
    blackouts.push(blackout.value)
  }
  return ok(blackouts)
}

function compileBlackout(
  rule: BlackoutRule,
  seed: string,
  { walks, zones }: ScheduleCache,
): Result<BlackoutPlan, string> {
  const { cron, duration_seconds, time_zone = 'UTC' } = rule
  if (!Number.isInteger(duration_seconds) || duration_seconds < 1 || duration_seconds > longest)
    return fail(`duration_seconds is a whole number from 1 to ${longest}`)
  const zone = zones.named(time_zone)
  if (!zone.ok) return zone
  const patterns = parseCrons(cron, seed, walks)
  if (!patterns.ok) return patterns
  const duration = duration_seconds * 1000
  const startAfter = (after: Instant) =>
    fireAfter(patterns.value, zone.value, { gap: 'run', overlap: 'first' }, after)?.at
  /** The stretches that were looked up last: instances are mostly asked about in their order. */
  const last: { out?: Interval; free?: Interval } = {}
  const isIn = (interval: Interval | undefined, at: Instant) =>
    interval !== undefined && interval.from <= at && at < interval.to
  const covering = (at: Instant) => {
    if (isIn(last.out, at)) return last.out
    if (isIn(last.free, at)) return undefined
    const from = startAfter(at - duration)
    if (from !== undefined && from <= at) last.out = { from, to: from + duration }
    else last.free = { from: at, to: from ?? Infinity }
    return from !== undefined && from <= at ? last.out : undefined
  }
  return ok({ covering })
}

/** The blackout in which an instance is scheduled, or would start by its jitter. */
export function blackoutOf(blackouts: readonly BlackoutPlan[], { at, due }: Instance): Interval | undefined {
  for (const blackout of blackouts) {
    const interval = blackout.covering(at) ?? (due === at ? undefined : blackout.covering(due))
    if (interval !== undefined) return interval
  }
  return undefined
}

/** Where to look for the next instance after one that is in a blackout: no instance in between can start. */
function pastBlackout({ at }: Instance, { from, to }: Interval): Instant {
  // One that is scheduled before the blackout has company there that is due earlier.
  return at < from ? at : to - 1
}

/** So many blackouts are looked through for one instance that none of them covers. */
const mostLookedThrough = 1000

/**
 * The first instance after an instant, to `until`, that starts: neither skipped nor in a blackout. `looked`
 * says how far it was looked for one: through a thousand blackouts at most.
 */
export function firstStarting(
  plan: Plan,
  blackouts: readonly BlackoutPlan[],
  after: Instant,
  until: Instant,
): { instance?: Instance; looked: Instant } {
  let looked = after
  for (let count = 0; count < mostLookedThrough; count += 1) {
    const instance = plan.next(looked)
    if (instance === undefined || instance.at > until) return { looked: until }
    const blackout = blackoutOf(blackouts, instance)
    if (blackout === undefined && instance.skipped === undefined) return { instance, looked: instance.at }
    looked = blackout === undefined ? instance.at : pastBlackout(instance, blackout)
  }
  return { looked: Math.min(looked, until) }
}
