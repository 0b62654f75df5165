import type { Reader } from './reader.ts'
import type { Jump } from './watched-time.ts'
import type { Writer } from './writer.ts'

/** The mark that each sweep leaves for the next one, in milliseconds. The names are those in the store. */
export interface SweepMark {
  /** When the latest sweep was, by the store's clock. */
  tick: number
  /** The time that sweeps have watched, counted on from the first one: deadlines go by it. */
  watched: number
  /** For how long nothing that is old may be removed yet, by the monotonic clock. */
  keep: number
  /**
   * Jumps within the latest 24 hours. One that is in `doubt` was perhaps time for which the server was away.
   */
  jumps: (Jump & { doubt?: true })[]
}

const tickKey = 'sweep.tick'
const timesKey = 'sweep.times'

/**
 * The mark of the latest sweep; undefined before the first. A sweep of release 0.1.0 wrote its `tick` alone,
 * and set deadlines by the store's clock.
 */
export async function sweepMarkOf(tx: Pick<Reader, 'meta'>): Promise<SweepMark | undefined> {
  const tick = await tx.meta(tickKey)
  if (tick === undefined) return undefined
  const text = await tx.meta(timesKey)
  const mark = text === undefined ? undefined : (JSON.parse(text) as SweepMark)
  if (mark?.tick === Number(tick)) return mark
  const watched = Math.max(Number(tick), mark?.watched ?? 0)
  return { tick: Number(tick), watched, keep: mark?.keep ?? 0, jumps: [] }
}

/** The jumps that tokens do not count. */
export const jumpsOf = ({ jumps }: SweepMark): Jump[] => jumps.filter(({ doubt }) => doubt !== true)

export function putSweepMark(tx: Writer, mark: SweepMark): void {
  tx.setMeta(tickKey, String(mark.tick))
  tx.setMeta(timesKey, JSON.stringify(mark))
}
