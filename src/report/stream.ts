import type { Writable } from 'node:stream'

/** Where a report goes. */
export interface Out {
  /** The data may be reused once this has returned. A promise asks to wait before more is written. */
  write(data: Uint8Array | string): void | Promise<void>
}

/**
 * Writes to a stream with back-pressure, and goes on without it when its reader has gone: a closed terminal
 * costs the view, never the task. `onLost` is told once.
 */
export function streamOut(stream: Writable, onLost: () => void = () => {}): Out {
  let lost = false
  let pressure: PromiseWithResolvers<void> | undefined
  const relieve = () => {
    pressure?.resolve()
    pressure = undefined
  }
  stream.on('error', () => {
    if (!lost) onLost()
    lost = true
    relieve()
  })
  stream.on('drain', relieve)
  return {
    write(data) {
      if (lost) return
      // A stream keeps what it cannot write at once, and the data are not ours to keep.
      if (stream.write(typeof data === 'string' ? data : Buffer.from(data))) return
      pressure ??= Promise.withResolvers()
      return pressure.promise
    },
  }
}
