import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { LogFact } from '../event.ts'
import { lastSize, linesOf } from './log-file.ts'

/**
 * Reads a log (log-file.ts) as it grows, each byte once and in order. A log is one file and the pieces behind it
 * while its process runs; when that has ended, a log longer than `log_limit` is a new file of head and tail.
 */
export class LogReader {
  readonly #path: string
  /** The file as it was first seen. */
  #inode: number | undefined
  /** How much of the output has been read; of a log that had been joined before it was first seen, of the file. */
  #at = 0

  constructor(path: string) {
    this.#path = path
  }

  /**
   * What has come since the last look; a number stands for that many bytes that are gone. `ended`: what is on
   * record of the log, once its process has ended. A buffer is valid until the next is asked for.
   */
  *read(ended?: LogFact): Generator<Uint8Array | number> {
    const file = open(this.#path)
    if (file === undefined) return
    try {
      const inode = fstatSync(file).ino
      this.#inode ??= inode
      if (inode === this.#inode) {
        // Looked for before the file is read: with a piece there, all before it has been written.
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
        // It has been joined since it was first seen.
        const half = (ended.bytes - ended.left_out) / 2
        yield* this.#readFrom(file, ended.bytes - half, ended.size - half)
      }
    } finally {
      closeSync(file)
    }
  }

  /** Reads a file whose byte number `start` stands at the offset `base` of the output. */
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

/** The last `count` lines of a log that nobody has settled, as far as they are kept; none where it is not there. */
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

/** The files behind a log, with their offsets in the output. */
function piecesOf(path: string): { path: string; base: number }[] {
  const name = `${basename(path)}.`
  const bases = list(dirname(path))
    .filter(file => file.startsWith(name))
    .map(file => file.slice(name.length))
    .filter(rest => /^\d+$/.test(rest))
  return bases.map(base => ({ path: `${path}.${base}`, base: Number(base) })).sort((a, b) => a.base - b.base)
}

/** Undefined where there is no such file, or not any more. */
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
