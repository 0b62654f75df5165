/*
 * The judgement of a sweep on the clocks: whether the server was away, so that runners could not be heard, or
 * a clock jumped.
 */

import { defined } from '../../result.ts'
import type { SweepMark } from '../../store/sweep-mark.ts'
import type { Jump } from '../../store/watched-time.ts'

/**
 * The longest gap between two sweeps that is not an outage, in milliseconds; with a short lease it is
 * shorter, since the lease could end in between.
 */
export const longestGap = (lease: number): number => Math.min(15_000, lease / 2)

/** Milliseconds by which wall clock and monotonic clock may differ. */
const longestJump = 5000
const day = 86_400_000
/** Jumps that are remembered one by one; of more, the oldest count as one. */
const mostJumps = 50

/** The two clocks at one moment, in milliseconds. */
export interface Sighting {
  /** The time of the store's clock. */
  now: number
  monotonic: number
}

/** The findings of a sweep. */
export interface SweepFindings {
  times: SweepMark
  /** No deadline can be trusted: each is moved by one lease. */
  outage: boolean
  /** The milliseconds by which the store's clock has jumped. */
  jump: number
  /** The watched time since which the clock was wrong by the jump, if it seems to be right again. */
  wrongSince?: number
}

/**
 * Looks at the clocks. Time that no sweep has watched does not count as watched, and a jump of the store's
 * clock does not either: so every deadline moves by its length. A process that has just started does not know
 * the time since the last sweep of the process before it, so with short leases a smaller gap is an outage.
 */
export function lookAtClocks(
  before: SweepMark | undefined,
  last: Sighting | undefined,
  { now, monotonic }: Sighting,
  lease: number,
): SweepFindings {
  if (before === undefined)
    return { times: { tick: now, watched: now, keep: 0, jumps: [] }, outage: false, jump: 0 }
  const gap = now - before.tick
  const elapsed = last === undefined ? 0 : monotonic - last.monotonic
  const difference = last === undefined ? Math.min(gap, 0) : now - last.now - elapsed
  const jump = Math.abs(difference) > longestJump ? difference : 0
  const late = last === undefined ? gap > Math.min(longestGap(lease), lease / 4) : elapsed > longestGap(lease)
  const watched = before.watched + (late ? 0 : elapsed)
  const isLong = Math.abs(gap) > day
  const kept = before.jumps.filter(({ at }) => watched - at < day)
  const { jumps, wrongSince } = jump === 0 ? { jumps: kept } : withJump(kept, { by: jump, at: watched })
  return {
    times: {
      tick: now,
      watched,
      keep: jump !== 0 || isLong ? day : Math.max(0, before.keep - elapsed),
      jumps: jump === 0 && isLong ? [...jumps, { by: gap, at: watched, doubt: true }] : jumps,
    },
    outage: late || jump !== 0,
    jump,
    ...defined({ wrongSince }),
  }
}

/** Adds a jump. It cancels the latest jumps in the other direction: the clock is right again. */
function withJump(
  before: SweepMark['jumps'],
  { by, at }: Jump,
): { jumps: SweepMark['jumps']; wrongSince?: number } {
  const jumps = [...before]
  let left = by
  let wrongSince: number | undefined
  while (left !== 0 && jumps.length > 0 && Math.sign(jumps.at(-1)!.by) === -Math.sign(left)) {
    const latest = jumps.pop()!
    wrongSince = latest.at
    const rest = latest.by + left
    if (Math.sign(rest) === Math.sign(latest.by)) jumps.push({ ...latest, by: rest })
    left = Math.sign(rest) === Math.sign(left) ? rest : 0
  }
  if (left !== 0) jumps.push({ by: left, at })
  const right = defined({ wrongSince })
  if (jumps.length <= mostJumps) return { jumps, ...right }
  const [first, second, ...others] = jumps
  return { jumps: [{ ...second!, by: first!.by + second!.by }, ...others], ...right }
}
