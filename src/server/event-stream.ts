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
  response.socket?.setNoDelay(true)
  response.flushHeaders()
}

/** One event as text. */
export function eventText(event: string, data: unknown, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** A line that says nothing but that the connection lives. */
export const commentText = ':\n\n'

/** Writes to a reader; one that does not read is dropped, and false says so. */
export function writeOrDrop(response: ServerResponse, text: string): boolean {
  if (response.destroyed || response.writableEnded) return false
  response.write(text)
  if (response.writableLength <= mostWaiting) return true
  response.destroy()
  return false
}
