/* What has happened over time: on the server, and of one runner. */
import { type Availability, countedSeconds, mostSpans, type Stats } from '../../protocol/messages/stats.ts'
import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import { noRunner } from '../rules/absent.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import { time } from '../rules/times.ts'
import { bucketsIn, isThere, type Load, minute, type Presence, snapshotEvery, span } from '../state/load.ts'
import { readable } from '../state/unreadable.ts'

const day = 86_400_000

interface Asked {
  since?: string
  until?: string
  step?: number
}

/** The spans that a call asks for: by default those of the last 24 hours. */
function spansOf(tx: Reader, { since, until, step = 3600 }: Asked): Result<number[], Refusal> {
  const end = until === undefined ? tx.now : Date.parse(until)
  const begin = since === undefined ? end - day : Date.parse(since)
  if (Number.isNaN(begin) || Number.isNaN(end)) return refuse('malformed', 'since or until is not a time')
  if (step % countedSeconds !== 0)
    return refuse(
      'malformed',
      `step is a multiple of ${countedSeconds}, since numbers are kept for 5 minutes`,
    )
  const length = step * 1000
  const first = Math.floor(begin / length) * length
  const count = Math.max(0, Math.ceil((end - first) / length))
  if (count > mostSpans)
    return refuse(
      'malformed',
      `that are ${count} spans, and ${mostSpans} are the most: ask for a longer step`,
    )
  return ok(Array.from({ length: count }, (_, index) => first + index * length))
}

/** What the caller may see of what has happened. */
export async function serverStats(
  tx: Reader,
  { namespaces }: Pick<Rights, 'namespaces'>,
  asked: Asked,
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

/** When a runner was connected. */
export async function availability(
  tx: Reader,
  id: string,
  asked: Omit<Asked, 'step'>,
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

/** The ones in a number of 5 bits. */
const ones = (bits: number): number => bits.toString(2).replaceAll('0', '').length
