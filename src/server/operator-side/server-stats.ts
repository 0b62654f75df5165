import type { Stats } from '../../protocol/messages/stats.ts'
import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { Refusal } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import type { AskedSpans } from '../rules/spans.ts'
import { spansOf } from '../rules/spans.ts'
import { time } from '../rules/times.ts'
import { bucketsIn, type Load } from '../state/load.ts'

/** The statistics of the events that the caller may see. */
export async function serverStats(
  tx: Reader,
  { namespaces }: Pick<Rights, 'namespaces'>,
  asked: AskedSpans,
): Promise<Result<Stats, Refusal>> {
  const { step = 3600 } = asked
  const spans = spansOf(tx, { ...asked, step })
  if (!spans.ok) return spans
  const items = spans.value.map(at => ({
    at: time(at),
    watched_minutes: 0,
    succeeded: 0,
    failed: 0,
    aborted: 0,
    lost: 0,
    queue_depth: 0,
    queue_age_seconds: 0,
  }))
  const [first, last] = [spans.value[0], spans.value.at(-1)]
  if (first === undefined || last === undefined) return ok({ step_seconds: step, items })
  const seen = <T>(all: Record<string, T>): T[] =>
    Object.entries(all)
      .filter(([namespace]) => namespaces === undefined || namespaces.includes(namespace))
      .map(([, value]) => value)
  for (const { at, value } of await bucketsIn<Load>(tx, 'load', first, last + step * 1000)) {
    const item = items[Math.floor((at - first) / (step * 1000))]
    if (item === undefined) continue
    item.watched_minutes += ones(value.minutes)
    for (const states of seen(value.ended)) {
      for (const state of ['succeeded', 'failed', 'aborted', 'lost'] as const)
        item[state] += states[state] ?? 0
    }
    const queued = seen(value.queued)
    const depth = queued.reduce((sum, one) => sum + one.depth, 0)
    item.queue_depth = Math.max(item.queue_depth, depth)
    item.queue_age_seconds = Math.max(item.queue_age_seconds, ...queued.map(({ age }) => age))
  }
  return ok({ step_seconds: step, items })
}

/** The ones in a number of 5 bits. */
const ones = (bits: number): number => bits.toString(2).replaceAll('0', '').length
