import { closeSync, fstatSync, readSync } from 'node:fs'
import type { Clock } from '../../edges.ts'
import { type Notifier, nextTurn, pause } from '../../system/wait.ts'

/** Bytes that are read at a time. */
const pieceSize = 256 * 1024
/** Seconds between two looks at a file, if nothing tells that it has grown. */
const lookEvery = 0.5

export interface LogReading {
  /** Offset of the first byte. */
  from: number
  /** Whether the file is complete; asked before the file is read. */
  isWhole(): boolean
  /** Notified when the file may have grown, or is complete. */
  changed: Notifier
  clock: Clock
  /** Ends the reading early. */
  signal: AbortSignal
}

/** Reads a file that may still grow, to its last byte. Closes the descriptor at the end. */
export async function* readLog(fd: number, reading: LogReading): AsyncGenerator<Uint8Array> {
  const { isWhole, changed, clock, signal } = reading
  const piece = Buffer.allocUnsafe(pieceSize)
  try {
    for (let at = reading.from; !signal.aborted; ) {
      const whole = isWhole()
      const count = readSync(fd, piece, 0, pieceSize, at)
      if (count > 0) {
        at += count
        yield Buffer.from(piece.subarray(0, count))
        // Gives the readers of other logs their turn.
        if (count === pieceSize) await nextTurn()
      } else if (whole) return
      else await pause(clock, lookEvery, changed, signal)
    }
  } finally {
    closeSync(fd)
  }
}

/** The size of an open file in bytes. */
export const sizeOf = (fd: number): number => fstatSync(fd).size
