/* What a sweep makes of the clocks: whether the server was away, so that runners could not be heard, or a clock jumped. */
import type { Jump } from './store/watch.ts'
import { longestGap } from './tick.ts'

/** Milliseconds by which wall clock and monotonic clock may differ. */
const longestJump = 5000
const day = 86_400_000
/** Jumps that are remembered one by one; of more, the oldest count as one. */
const mostJumps = 50

/** Times in milliseconds. */
export interface Sighting {
  /** By the store's clock. */
  now: number
  monotonic: number
}

/** What the store remembers of time from sweep to sweep. Times in milliseconds. */
export interface Times {
  /** When the latest sweep was, by the store's clock. */
  tick: number
  /** The time that sweeps have watched, counted on from the first one: deadlines go by it. */
  watched: number
  /** For how long nothing that is old may be removed yet, by the monotonic clock. */
  keep: number
  /** Jumps within the latest 24 hours. One that is in `doubt` was perhaps time for which the server was away. */
  jumps: (Jump & { doubt?: true })[]
}

/** What a sweep found. */
export interface Found {
  times: Times
  /** No deadline can be trusted: each is moved by one lease. */
  outage: boolean
  /** By how many milliseconds the store's clock has jumped. */
  jump: number
  /** The clock is right again, as far as can be known: it was wrong since this watched time, by the jump. */
  wrongSince?: number
}

/**
 * Looks at the clocks. Time that no sweep has watched does not count as watched, and a jump of the store's clock does
 * not either: so every deadline moves by its length. A process that has just started does not know how long there was
 * no sweep: with short leases a smaller gap is an outage.
 */
export function lookAtClocks(
  before: Times | undefined,
  last: Sighting | undefined,
  { now, monotonic }: Sighting,
  lease: number,
): Found {
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
    ...(wrongSince !== undefined && { wrongSince }),
  }
}

/** Adds a jump. It takes the latest ones away that went the other way: that clock is right again. */
function withJump(before: Times['jumps'], { by, at }: Jump): { jumps: Times['jumps']; wrongSince?: number } {
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
  const right = wrongSince === undefined ? {} : { wrongSince }
  if (jumps.length <= mostJumps) return { jumps, ...right }
  const [first, second, ...others] = jumps
  return { jumps: [{ ...second!, by: first!.by + second!.by }, ...others], ...right }
}
