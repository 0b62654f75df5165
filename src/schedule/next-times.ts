/* The next times of a schedule, for people who want to see what they have put. */
import { type BlackoutPlan, blackoutOf } from './blackouts.ts'
import type { Instance, Plan } from './schedule.ts'
import { timeInZone } from './time-zones.ts'
import type { Instant } from './zoned-fires.ts'

export interface NextTime {
  at: Instant
  due: Instant
  /** `at` on the clocks of the schedule's zone: `2026-03-29T03:00:00+02:00[Europe/Berlin]`. */
  local: string
  /** Sentences about what moves it or keeps it from starting. */
  notes: string[]
}

/** The first instances after an instant, `count` at most, with those that will not start. */
export function nextTimes(
  plan: Plan,
  blackouts: readonly BlackoutPlan[],
  serverBlackouts: readonly BlackoutPlan[],
  after: Instant,
  count: number,
): NextTime[] {
  const times: NextTime[] = []
  for (let one = plan.next(after); one !== undefined && times.length < count; one = plan.next(one.at)) {
    const { at, due } = one
    const notes = [
      clockNote(plan, one),
      blackoutNote(plan, one, blackouts, 'the job'),
      blackoutNote(plan, one, serverBlackouts, 'the server'),
    ]
    times.push({ at, due, local: timeInZone(at, plan.zone), notes: notes.filter(note => note !== undefined) })
  }
  return times
}

function clockNote({ schedule, zone }: Plan, { note, skipped }: Instance): string | undefined {
  if (skipped === 'gap')
    return `The clocks of ${zone.name} leave this time out, so it does not start (dst_gap: skip).`
  if (note === 'gap')
    return `The clocks of ${zone.name} leave this time out, so it starts at the first instant after the gap.`
  if (note === undefined) return undefined
  const turn = {
    first: 'it starts the first time',
    last: 'it starts the second time',
    both: 'it starts both times',
  }[schedule.dst_overlap]
  return `The clocks of ${zone.name} show this time twice: ${turn} (dst_overlap: ${schedule.dst_overlap}).`
}

function blackoutNote(
  { zone }: Plan,
  instance: Instance,
  blackouts: readonly BlackoutPlan[],
  owner: string,
): string | undefined {
  const interval = blackoutOf(blackouts, instance)
  if (interval === undefined) return undefined
  const [from, to] = [timeInZone(interval.from, zone), timeInZone(interval.to, zone)]
  return `It does not start: ${owner} has a blackout from ${from} to ${to}.`
}
