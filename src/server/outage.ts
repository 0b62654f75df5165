/* Whether the server was away, so that runners could not be heard. */
import { longestGap } from './tick.ts'

/** Milliseconds by which wall clock and monotonic clock may differ. */
const longestJump = 5000

/** Times in milliseconds. */
export interface Sighting {
  /** By the store's clock. */
  now: number
  monotonic: number
}

/**
 * Whether so much time has passed since the last tick, or a clock has jumped, that no deadline can be trusted. A
 * process that has just started does not know how long there was none: with short leases a smaller gap counts.
 */
export function isOutage(
  tick: number | undefined,
  last: Sighting | undefined,
  { now, monotonic }: Sighting,
  lease: number,
): boolean {
  if (tick === undefined) return false
  if (last === undefined)
    return now - tick > Math.min(longestGap(lease), lease / 4) || tick - now > longestJump
  const jump = now - last.now - (monotonic - last.monotonic)
  return now - tick > longestGap(lease) || Math.abs(jump) > longestJump
}
