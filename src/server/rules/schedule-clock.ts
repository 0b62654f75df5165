/*
 * The judgement of the scheduler on the clocks: whether a time of a schedule may be fired by the clock now. A
 * clock that has jumped is wrong, or was wrong before, and only time tells which.
 */
import type { Sighting } from './outage.ts'

/**
 * Milliseconds by which the wall clock may differ from the monotonic clock, and for which nothing fires after
 * a jump.
 */
const longestJump = 5000
const holdTime = 60_000
/** Milliseconds without a look at the clocks that are an outage. */
export const longestAbsence = 60_000

/** The observations of earlier looks at the clocks. */
export interface ClockWatch {
  last: Sighting
  /** The jump of the clock, and the monotonic time at which it is believed. */
  held?: { jump: number; until: number }
}

/**
 * `go`: times may be fired. `hold`: they may not. `back`: the clock has gone back to what it was. `forward`
 * and `backward`: it has jumped, and stays there. `away`: nobody has looked for a while.
 */
export type ClockVerdict = 'go' | 'hold' | 'back' | 'forward' | 'backward' | 'away'

export function judgeClock(
  before: ClockWatch | undefined,
  seen: Sighting,
): { watch: ClockWatch; verdict: ClockVerdict } {
  if (before === undefined) return { watch: { last: seen }, verdict: 'go' }
  const { last, held } = before
  const elapsed = seen.monotonic - last.monotonic
  const difference = seen.now - last.now - elapsed
  const jumped = Math.abs(difference) > longestJump
  const jump = (held?.jump ?? 0) + (jumped ? difference : 0)
  if (held === undefined && !jumped)
    return { watch: { last: seen }, verdict: elapsed > longestAbsence ? 'away' : 'go' }
  if (Math.abs(jump) <= longestJump) return { watch: { last: seen }, verdict: 'back' }
  const until = jumped || held === undefined ? seen.monotonic + holdTime : held.until
  if (seen.monotonic < until) return { watch: { last: seen, held: { jump, until } }, verdict: 'hold' }
  return { watch: { last: seen }, verdict: jump > 0 ? 'forward' : 'backward' }
}
