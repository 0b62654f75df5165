/*
 * The problem with a schedule at the moment at which a person puts it, beyond those that `compile` refuses.
 * It depends on the time, so stored and restored schedules are not checked for it.
 */
import { type BlackoutPlan, firstStarting } from './blackouts.ts'
import type { Plan, ScheduleRule } from './schedule.ts'
import type { Instant } from './zoned-fires.ts'

/** So many times are looked at to see how far they lie apart. */
const lookedAt = 20

/**
 * A sentence about a schedule with which nothing would ever start, or undefined. `blackouts` are those of the
 * job; a past time that stood in the schedule before is taken again.
 */
export function putProblem(
  plan: Plan,
  blackouts: readonly BlackoutPlan[],
  now: Instant,
  before?: ScheduleRule | null,
): string | undefined {
  const { schedule } = plan
  for (const key of ['at', 'ends_at'] as const)
    if (schedule[key] !== undefined && schedule[key] !== before?.[key] && Date.parse(schedule[key]) <= now)
      return `${key} (${schedule[key]}) is in the past`
  const { jitter_seconds } = schedule
  const distance = longestDistance(plan, now) / 1000
  if (jitter_seconds > distance)
    return (
      `jitter_seconds (${jitter_seconds}) is more than ` +
      `the time from one run to the next (${distance} seconds)`
    )
  const comes = plan.next(now) !== undefined
  if (comes && firstStarting(plan, blackouts, now, Infinity).instance === undefined)
    return 'a blackout leaves nothing: none of the next times is outside of the blackouts'
  return undefined
}

/** The longest time between two of the next instances; Infinity where there are no two. */
function longestDistance({ next }: Plan, after: Instant): number {
  let longest: number | undefined
  let last = next(after)
  for (let count = 0; count < lookedAt && last !== undefined; count += 1) {
    const one = next(last.at)
    if (one !== undefined) longest = Math.max(longest ?? 0, one.at - last.at)
    last = one
  }
  return longest ?? Infinity
}
