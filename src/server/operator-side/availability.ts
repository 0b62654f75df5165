import { type Availability, countedSeconds } from '../../protocol/messages/stats.ts'
import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import { noRunner } from '../rules/absent.ts'
import type { Refusal } from '../rules/refusal.ts'
import type { AskedSpans } from '../rules/spans.ts'
import { spansOf } from '../rules/spans.ts'
import { time } from '../rules/times.ts'
import { bucketsIn, isThere, type Load, minute, type Presence, snapshotEvery, span } from '../state/load.ts'
import { readable } from '../state/unreadable.ts'

/** When a runner was connected. */
export async function availability(
  tx: Reader,
  id: string,
  asked: Omit<AskedSpans, 'step'>,
): Promise<Result<Availability, Refusal>> {
  const runner = await readable(tx.runner(id), id)
  if (runner === undefined) return noRunner()
  const made = 'unreadable' in runner ? 0 : runner.created_at
  const spans = spansOf(tx, { ...asked, step: countedSeconds })
  if (!spans.ok) return spans
  const [first = tx.now, last = first] = [spans.value[0], spans.value.at(-1)]
  const until = last + span
  const loads = new Map(
    (await bucketsIn<Load>(tx, 'load', first, until)).map(({ at, value }) => [at, value.minutes]),
  )
  // All who were there are on record once a day.
  const nodes = await bucketsIn<Presence[]>(tx, 'nodes', first - snapshotEvery - 2 * span, until)
  const changes = new Map(nodes.map(({ at, value }) => [at, value]))
  let there = false
  for (const { at, value } of nodes)
    if (at < first) for (const change of value) there = isThere(there, change, id)
  let [all, watched] = [0, 0]
  const items = spans.value.map(at => {
    const minutes = loads.get(at) ?? 0
    let [here, looked] = [0, 0]
    for (let index = 0; index < span / minute; index++) {
      for (const change of changes.get(at) ?? [])
        if (change.minute === index) there = isThere(there, change, id)
      if ((minutes & (1 << index)) === 0 || at + (index + 1) * minute <= made) continue
      looked++
      if (there) here++
    }
    all += here
    watched += looked
    return { at: time(at), available: looked === 0 ? null : here / looked }
  })
  return ok({ step_seconds: countedSeconds, available: watched === 0 ? null : all / watched, items })
}
