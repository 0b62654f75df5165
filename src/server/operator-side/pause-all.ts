import type { Paused } from '../../protocol/messages/schedules.ts'
import type { Writer } from '../../store/writer.ts'
import type { Rights } from '../rules/rights.ts'
import { time } from '../rules/times.ts'
import { type PausedAt, pausedIn, pausedSince, putPaused } from '../state/schedules.ts'

/**
 * Pauses all schedules that the caller reaches, or ends that; those of a namespace that are paused with all
 * others stay paused until all are resumed.
 */
export async function pauseAll(
  tx: Writer,
  { namespaces }: Rights,
  isToPause: boolean,
): Promise<{ before: Paused; after: Paused }> {
  const paused = await pausedIn(tx)
  const named = namespaces ?? ['*']
  const before = pausedOf(named, paused)
  const resumed = namespaces ?? [...paused.keys()]
  for (const name of isToPause ? named : resumed)
    if (isToPause) paused.set(name, paused.get(name) ?? tx.now)
    else paused.delete(name)
  putPaused(tx, paused)
  for (const namespace of namespaces ?? [null]) tx.notify({ about: 'schedules', namespace })
  // Those that were due meanwhile are looked at again.
  if (!isToPause)
    for (const namespace of namespaces ?? [undefined])
      await tx.staleAll({ parked: true, ...(namespace === undefined ? {} : { namespace }) })
  return { before, after: pausedOf(named, paused) }
}

function pausedOf(namespaces: readonly string[], paused: PausedAt): Paused {
  const first = Math.min(...namespaces.map(name => pausedSince(paused, name) ?? Infinity))
  return { namespaces: [...namespaces], paused_at: first === Infinity ? null : time(first) }
}
