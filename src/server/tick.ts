/* The sweeper's tick: until when the server is known to have listened. */
import type { Reader, Writer } from './store/store.ts'

/** Milliseconds between two ticks that are no outage; with a short lease fewer, or it could end in between. */
export const longestGap = (lease: number): number => Math.min(15_000, lease / 2)

const key = 'sweep.tick'

/** When the last sweep was, by the store's clock; undefined before the first. */
export async function tickOf(tx: Reader): Promise<number | undefined> {
  const text = await tx.meta(key)
  return text === undefined ? undefined : Number(text)
}

export const putTick = (tx: Writer): void => tx.setMeta(key, String(tx.now))
