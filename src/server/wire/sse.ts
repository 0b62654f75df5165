import type { ServerResponse } from 'node:http'

/** Bytes that may wait for a reader before it is dropped. */
const mostWaiting = 256 * 1024

/** Begins a stream of server-sent events. A proxy that would hold it back is told not to. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  response.flushHeaders()
}

/** One event as text. */
export function eventText(event: string, data: unknown, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** A comment line that only keeps the connection alive. */
export const commentText = ':\n\n'

/** Writes to a reader; false: the reader had not read so much before this, and was dropped. */
export function writeOrDrop(response: ServerResponse, text: string | Uint8Array): boolean {
  if (response.destroyed || response.writableEnded) return false
  response.write(text)
  if (response.writableLength <= mostWaiting + text.length) return true
  response.destroy()
  return false
}
