import type { Clock } from '../edges.ts'
import type { Emit, TryRef } from '../event.ts'
import type { Out } from './stream.ts'

/**
 * Writes each event as one line of JSON with `at`, the time it was told (docs/events.md). Output becomes `text`:
 * UTF-8 however it was cut into pieces, with U+FFFD for what is none; the log has the bytes.
 */
export function jsonReporter(out: Out, clock: Clock): Emit {
  const decoders = new Map<string, TextDecoder>()
  const write = (event: object) =>
    out.write(`${JSON.stringify({ at: clock.now().toISOString(), ...event })}\n`)
  return event => {
    if ('data' in event) {
      const { data, ...rest } = event
      const key = keyOf(event)
      const decoder = decoders.get(key) ?? new TextDecoder('utf-8', { ignoreBOM: true })
      decoders.set(key, decoder)
      const text = decoder.decode(data, { stream: true })
      return text === '' ? undefined : write({ ...rest, text })
    }
    if (event.event === 'try:ended') {
      const { task, name, kind, try_num } = event
      const key = keyOf({ ...event, event: 'try:output' })
      const text = decoders.get(key)?.decode() ?? ''
      decoders.delete(key)
      if (text !== '') write({ event: 'try:output', task, name, kind, try_num, text })
    }
    return write(event)
  }
}

function keyOf(event: TryRef & { event: string }): string {
  return JSON.stringify([event.event, event.kind, event.task, event.try_num])
}
