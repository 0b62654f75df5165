/* What the store remembers of time from sweep to sweep (outage.ts). */
import type { Times } from './outage.ts'
import type { Reader, Writer } from './store/store.ts'
import type { Jump } from './store/watch.ts'

/** Milliseconds between two ticks that are no outage; with a short lease fewer, or it could end in between. */
export const longestGap = (lease: number): number => Math.min(15_000, lease / 2)

const tickKey = 'sweep.tick'
const timesKey = 'sweep.times'

/**
 * What the latest sweep has written; undefined before the first. A sweep of release 0.1.0 wrote its tick alone, and set
 * deadlines by the store's clock.
 */
export async function timesOf(tx: Pick<Reader, 'meta'>): Promise<Times | undefined> {
  const tick = await tx.meta(tickKey)
  if (tick === undefined) return undefined
  const text = await tx.meta(timesKey)
  const times = text === undefined ? undefined : (JSON.parse(text) as Times)
  if (times?.tick === Number(tick)) return times
  const watched = Math.max(Number(tick), times?.watched ?? 0)
  return { tick: Number(tick), watched, keep: times?.keep ?? 0, jumps: [] }
}

/** The jumps that tokens do not count. */
export const jumpsOf = ({ jumps }: Times): Jump[] => jumps.filter(({ doubt }) => doubt !== true)

export function putTimes(tx: Writer, times: Times): void {
  tx.setMeta(tickKey, String(times.tick))
  tx.setMeta(timesKey, JSON.stringify(times))
}
