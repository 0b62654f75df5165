/* Schedules of the tests, compiled. */
import {
  type BlackoutPlan,
  type BlackoutRule,
  blackoutOf,
  compileBlackouts,
} from '../../src/schedule/blackouts.ts'
import { compile, type Plan, type ScheduleRule } from '../../src/schedule/schedule.ts'
import { ScheduleCache } from '../../src/schedule/schedule-cache.ts'

/** The cache of all schedules of a test: earlier questions must change no answer. */
export const cache = new ScheduleCache()

export function plan(schedule: ScheduleRule, seed = 'default/nightly'): Plan {
  const compiled = compile(schedule, seed, cache)
  if (!compiled.ok) throw new Error(compiled.failure)
  return compiled.value
}

export function blackouts(...rules: BlackoutRule[]): BlackoutPlan[] {
  const compiled = compileBlackouts(rules, 'default/nightly', cache)
  if (!compiled.ok) throw new Error(compiled.failure)
  return compiled.value
}

/** Whether an instant is in one of the blackouts. */
export const isBlackedOut = (plans: readonly BlackoutPlan[], at: number): boolean =>
  blackoutOf(plans, { at, due: at }) !== undefined

export const instant = (text: string): number => Temporal.Instant.from(text).epochMilliseconds

/** `05-01T10:00` of an instant in UTC; with seconds where it has some. */
export const short = (at: number): string => new Date(at).toISOString().slice(5, -5).replace(/:00$/, '')
