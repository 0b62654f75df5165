import type { Clock } from '../../edges.ts'
import type { Emit, TryRef } from '../../event.ts'
import { jsonText } from '../../system/printable.ts'
import type { Out } from '../stream.ts'

/**
 * Writes each event as one line of JSON with `at`, the time of the event (docs/reference/events.md). Output
 * becomes `text`: UTF-8 however it was cut into pieces, with U+FFFD for invalid bytes; the log has the bytes.
 */
export function jsonReporter(out: Out, clock: Clock): Emit {
  const outputs = new Map<string, { decoder: TextDecoder; rest: OutputRef }>()
  const write = (event: object) => out.write(`${jsonText({ at: clock.now().toISOString(), ...event })}\n`)
  /** Writes the rest of an output that has ended within a character. */
  const flush = (key: string) => {
    const { decoder, rest } = outputs.get(key) ?? {}
    outputs.delete(key)
    const text = decoder?.decode() ?? ''
    if (text !== '') write({ ...rest, text })
  }
  return event => {
    if ('data' in event) {
      const { data, ...rest } = event
      const key = keyOf(rest)
      const decoder = outputs.get(key)?.decoder ?? new TextDecoder('utf-8', { ignoreBOM: true })
      outputs.set(key, { decoder, rest })
      const text = decoder.decode(data, { stream: true })
      return text === '' ? undefined : write({ ...rest, text })
    }
    // Nothing begins or ends while a hook runs.
    for (const [key, { rest }] of outputs) if (rest.event === 'hook:output') flush(key)
    if (event.event === 'try:ended') flush(keyOf({ ...event, event: 'try:output' }))
    return write(event)
  }
}

type OutputRef = TryRef & { event: string; hook?: string }

function keyOf({ event, hook, kind, task, try_num }: OutputRef): string {
  return JSON.stringify([event, hook, kind, task, try_num])
}
