import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { LogFact } from '../event.ts'
import { lastSize, linesOf } from './log-file.ts'

/**
 * Reads a log (log-file.ts) as it grows, each byte once and in order. While its process runs, a log is one
 * file and the pieces after it; when the process has ended, a log longer than `log_limit` is a new file of
 * head and tail.
 */
export class LogReader {
  readonly #path: string
  /** The inode of the file at the first look. */
  #inode: number | undefined
  /**
   * The offset in the output up to which it has been read; in the file, if the log had been joined before the
   * first look.
   */
  #at = 0

  constructor(path: string) {
    this.#path = path
  }

  /**
   * The bytes since the last call; a number means that so many bytes are gone. `ended`: the record of the
   * log, once its process has ended. A buffer is valid until the next one is asked for.
   */
  *read(ended?: LogFact): Generator<Uint8Array | number> {
    const file = open(this.#path)
    if (file === undefined) return
    try {
      const inode = fstatSync(file).ino
      this.#inode ??= inode
      if (inode === this.#inode) {
        // The pieces are listed before the file is read: where there is a piece, everything before it has
        // been written.
        const pieces = ended === undefined ? piecesOf(this.#path) : []
        yield* this.#readFrom(file, 0)
        for (const { path, base } of pieces) {
          const piece = open(path)
          if (piece === undefined) continue
          try {
            yield* this.#readFrom(piece, base)
          } finally {
            closeSync(piece)
          }
        }
      } else if (ended?.size !== undefined) {
        // The log has been joined since the first look.
        const half = (ended.bytes - ended.left_out) / 2
        yield* this.#readFrom(file, ended.bytes - half, ended.size - half)
      }
    } finally {
      closeSync(file)
    }
  }

  /** Reads a file whose byte number `start` has the offset `base` in the output. */
  *#readFrom(fd: number, base: number, start = 0): Generator<Uint8Array | number> {
    const buffer = Buffer.allocUnsafe(65536)
    for (;;) {
      const length = readSync(fd, buffer, 0, buffer.length, start + Math.max(0, this.#at - base))
      if (length === 0) return
      if (this.#at < base) yield base - this.#at
      this.#at = Math.max(this.#at, base) + length
      yield buffer.subarray(0, length)
    }
  }
}

/**
 * The last `count` lines of a log that has not been settled, as far as they are kept; none without a file.
 */
export function lastLinesOf(path: string, count: number): string[] {
  const fd = open(piecesOf(path).at(-1)?.path ?? path)
  if (fd === undefined) return []
  try {
    const { size } = fstatSync(fd)
    const end = Buffer.alloc(Math.min(size, lastSize))
    const length = readSync(fd, end, 0, end.length, size - end.length)
    return linesOf(end.subarray(0, length), size > lastSize).slice(-count)
  } finally {
    closeSync(fd)
  }
}

/** The pieces of a log, with their offsets in the output. */
function piecesOf(path: string): { path: string; base: number }[] {
  const name = `${basename(path)}.`
  const bases = list(dirname(path))
    .filter(file => file.startsWith(name))
    .map(file => file.slice(name.length))
    .filter(rest => /^\d+$/.test(rest))
  return bases.map(base => ({ path: `${path}.${base}`, base: Number(base) })).sort((a, b) => a.base - b.base)
}

/** Undefined where there is no such file. */
function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
