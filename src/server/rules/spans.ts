import { countedSeconds, mostSpans } from '../../protocol/messages/stats.ts'
import { ok, type Result } from '../../result.ts'
import type { Moment } from '../../store/reader.ts'
import { type Refusal, refuse } from './refusal.ts'

const day = 86_400_000

/** A time that a call asks about, in seconds of a span: by default the last 24 hours, by the hour. */
export interface AskedSpans {
  since?: string
  until?: string
  step?: number
}

/** The beginnings of the spans that a call asks for. */
export function spansOf(
  { now }: Moment,
  { since, until, step = 3600 }: AskedSpans,
): Result<number[], Refusal> {
  const end = until === undefined ? now : Date.parse(until)
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
