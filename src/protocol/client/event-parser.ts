import { defined } from '../../result.ts'

/** A server-sent event as it came. */
export interface RawEvent {
  event: string
  data: string
  id?: string
}

/**
 * Makes a parser of server-sent events. It takes the next bytes of a stream and gives the events that end in
 * them; undefined where an event has more than `longest` bytes.
 */
export async function openEventParser(
  longest: number,
): Promise<(piece: Uint8Array) => RawEvent[] | undefined> {
  const { createParser } = await import('eventsource-parser')
  const decoder = new TextDecoder()
  let events: RawEvent[] = []
  const parser = createParser({
    maxBufferSize: longest,
    onEvent: ({ event = 'message', data, id }) => events.push({ event, data, ...defined({ id }) }),
  })
  return piece => {
    try {
      parser.feed(decoder.decode(piece, { stream: true }))
    } catch {
      return undefined
    }
    const parsed = events
    events = []
    return parsed
  }
}
