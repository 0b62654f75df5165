import type { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'

/** The destination of a report. */
export interface Out {
  /**
   * The data may be reused once this has returned. A promise asks the caller to wait before it writes more.
   */
  write(data: Uint8Array | string): void | Promise<void>
  /** Whether a terminal shows it. */
  readonly terminal?: boolean
}

/**
 * Writes to a stream with back-pressure, and drops all data when its reader has gone: a closed terminal costs
 * the view, never the task. `onLost` is called once.
 */
export function streamOut(stream: Writable, onLost: (error: Error) => void = () => {}): Out {
  neverBlock(stream)
  let lost = false
  let pressure: PromiseWithResolvers<void> | undefined
  const relieve = () => {
    pressure?.resolve()
    pressure = undefined
  }
  stream.on('error', error => {
    if (!lost) onLost(error)
    lost = true
    relieve()
  })
  stream.on('drain', relieve)
  /**
   * A stream keeps data that it cannot write at once, but the caller may reuse them: so it gets a copy, in a
   * buffer that is used again.
   */
  let spare = Buffer.alloc(0)
  const copy = (data: Uint8Array) => {
    if (spare.length < data.length) spare = Buffer.allocUnsafeSlow(Math.max(65536, data.length))
    spare.set(data)
    return spare.subarray(0, data.length)
  }
  return {
    terminal: (stream as Writable & { isTTY?: boolean }).isTTY === true,
    write(data) {
      if (lost) return
      const written = stream.write(typeof data === 'string' ? data : copy(data))
      if (stream.writableLength > 0) spare = Buffer.alloc(0)
      if (written) return
      pressure ??= Promise.withResolvers()
      return pressure.promise
    },
  }
}

/**
 * Node writes to a terminal as to a file: one that is stopped (Ctrl-S) would stop this process. A terminal
 * that could not be opened anew for this process still stops it.
 */
export function neverBlock(stream: Writable & { isTTY?: boolean }): void {
  if (!stream.isTTY) return
  // Node has no public name for it.
  const { _handle: handle } = stream as WriteStream & { _handle?: { setBlocking?(on: boolean): void } }
  handle?.setBlocking?.(false)
}
