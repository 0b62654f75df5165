import type { Hash } from 'node:crypto'
import { closeSync, ftruncateSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { LogFact } from '../event.ts'
import { printable } from '../system/printable.ts'

/** The number of bytes from the end of an output that memory keeps for `lastLines`. */
export const lastSize = 8192
const copySize = 1024 * 1024
/** The least size of a piece, in bytes: a small `limit` must not cost a file for every line. */
const leastPiece = 65536
const newline = 10
const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/**
 * Keeps the output of a process in a file of about `limit` bytes at the most: all of it, or its head and its
 * tail with a line between them that says how many bytes are missing. While the process runs, no byte is
 * overwritten, so that a log can be read as it grows (log-reader.ts): output after `limit` bytes goes into
 * pieces, files named by their offset in the output, and pieces that are older than the tail are removed.
 * `settle` joins head and tail; later output is appended, up to `limit` once more. A full disk costs the
 * record, never the process: `onLost` is called once, and no more is kept.
 */
export class LogFile {
  /** The file; undefined where only the last lines are kept. */
  readonly path: string | undefined
  readonly #half: number
  readonly #onLost: (error: unknown) => void
  #fd: number | undefined
  /** The last two pieces, of which the second is being written. */
  #pieces: { fd: number; path: string; base: number }[] = []
  #bytes = 0
  #lines = 0
  #hash: Hash | undefined
  #settled: LogFact | undefined
  readonly #last = Buffer.alloc(lastSize)

  /** With `path` undefined only the last lines are kept. */
  constructor(path: string | undefined, limit: number, onLost: (error: unknown) => void) {
    this.path = path
    this.#half = Math.max(1, Math.floor(limit / 2))
    this.#onLost = onLost
  }

  /** Makes the file with the first output: many tasks have none. */
  #openFile(): number | undefined {
    const { path } = this
    if (this.#fd !== undefined || path === undefined || this.#bytes > 0) return this.#fd
    this.#guard(() => {
      this.#fd = openSync(path, 'wx+', 0o600)
    })
    return this.#fd
  }

  /** The caller may reuse the chunk after the call. */
  write(chunk: Uint8Array): void {
    const at = this.#bytes
    const fd = this.#openFile()
    this.#bytes += chunk.length
    if (this.#settled !== undefined) {
      const late = at - this.#settled.bytes
      const piece = chunk.subarray(0, Math.max(0, 2 * this.#half - late))
      const end = (this.#settled.size ?? 0) + late
      if (fd !== undefined) this.#guard(() => writeAll(fd, piece, end))
      return
    }
    const size = Math.min(chunk.length, lastSize)
    this.#last.copyWithin(0, size)
    this.#last.set(chunk.subarray(chunk.length - size), lastSize - size)
    for (let next = chunk.indexOf(newline); next !== -1; next = chunk.indexOf(newline, next + 1))
      this.#lines++
    if (fd === undefined) return
    this.#hash ??= newHash()
    this.#hash.update(chunk)
    this.#guard(() => this.#keep(fd, chunk, at))
  }

  #keep(fd: number, chunk: Uint8Array, at: number): void {
    const head = Math.max(0, Math.min(chunk.length, 2 * this.#half - at))
    writeAll(fd, chunk.subarray(0, head), at)
    for (let done = head; done < chunk.length; ) {
      const { piece, room } = this.#pieceAt(fd, at + done)
      const part = chunk.subarray(done, done + room)
      writeAll(piece.fd, part)
      done += part.length
    }
  }

  /**
   * The piece for an offset of the output, and the room that it has left. Removes pieces that are older than
   * the tail.
   */
  #pieceAt(fd: number, offset: number) {
    const size = Math.max(this.#half, leastPiece)
    const base = offset - ((offset - 2 * this.#half) % size)
    let piece = this.#pieces.at(-1)
    if (piece?.base !== base) {
      if (piece !== undefined) ftruncateSync(fd, this.#half)
      if (this.#pieces.length === 2) removePiece(this.#pieces.shift()!)
      const path = `${this.path}.${base}`
      piece = { fd: openSync(path, 'wx+', 0o600), path, base }
      this.#pieces.push(piece)
    }
    return { piece, room: base + size - offset }
  }

  /**
   * Puts the file in order when the process has ended, and returns its facts. A second call returns the same.
   */
  settle(): LogFact {
    if (this.#settled !== undefined) return this.#settled
    const bytes = this.#bytes
    const lines = this.#lines
    const left_out = this.#fd === undefined ? 0 : Math.max(0, bytes - 2 * this.#half)
    let sha256 = this.#hash?.digest('hex') ?? sha256OfNothing
    let size = bytes
    if (left_out > 0) this.#guard(() => ({ sha256, size } = this.#arrange(left_out)))
    this.#settled = { bytes, lines, left_out }
    if (this.#fd !== undefined && this.path !== undefined)
      this.#settled = { file: this.path, ...this.#settled, sha256, size }
    return this.#settled
  }

  /** The last `count` lines until `settle`, as text without control characters. */
  lastLines(count: number): string[] {
    const bytes = this.#settled?.bytes ?? this.#bytes
    return linesOf(this.#last.subarray(Math.max(0, lastSize - bytes)), bytes > lastSize).slice(-count)
  }

  /** Keeps no more. Returns the number of bytes that came after `settle`. */
  close(): number {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    return this.#bytes - (this.#settled?.bytes ?? 0)
  }

  /** Writes head, notice and tail into a new file, renames it over the old one, and continues with it. */
  #arrange(left_out: number): { sha256: string; size: number } {
    const path = this.path!
    const from = this.#fd!
    const notice = Buffer.from(leftOutNotice(`${left_out} of ${this.#bytes}`))
    const to = openSync(`${path}.tmp`, 'wx+', 0o600)
    try {
      const hash = newHash()
      const add = (bytes: Uint8Array) => {
        hash.update(bytes)
        writeAll(to, bytes)
      }
      readPieces(from, 0, this.#half, add)
      add(notice)
      const tail = this.#bytes - this.#half
      readPieces(from, tail, 2 * this.#half, add)
      for (const { fd, base } of this.#pieces)
        readPieces(fd, Math.max(0, tail - base), this.#bytes - base, add)
      renameSync(`${path}.tmp`, path)
      closeSync(from)
      this.#fd = to
      // The last piece goes first: a reader that misses a piece must not find a later one.
      for (const piece of this.#pieces.splice(0).reverse()) removePiece(piece)
      return { sha256: hash.digest('hex'), size: 2 * this.#half + notice.length }
    } catch (error) {
      closeSync(to)
      rmSync(`${path}.tmp`, { force: true })
      throw error
    }
  }

  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      for (const fd of [this.#fd, ...this.#pieces.splice(0).map(({ fd }) => fd)])
        if (fd !== undefined) closeSync(fd)
      this.#fd = undefined
      this.#onLost(error)
    }
  }
}

/** The line in the place of bytes that are missing. */
export function leftOutNotice(count: string | number): string {
  return `\n[runner: ${count} bytes are left out here (log_limit)]\n`
}

function removePiece({ fd, path }: { fd: number; path: string }): void {
  closeSync(fd)
  rmSync(path, { force: true })
}

/** node:crypto is loaded with the first output: it costs a start five milliseconds. */
function newHash(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256')
}

/** The end of an output as printable lines; `cut`: there was more before it. */
export function linesOf(bytes: Uint8Array, cut: boolean): string[] {
  const lines = new TextDecoder().decode(bytes).split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (cut && lines.length > 1) lines.shift()
  return lines.map(printable)
}

/** Writes all bytes; without a position, after the last ones that were written so. */
function writeAll(fd: number, bytes: Uint8Array, position: number | null = null): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done)
}

function readPieces(fd: number, start: number, end: number, take: (bytes: Uint8Array) => void): void {
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(copySize, end - start)))
  for (let at = start; at < end; ) {
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at)
    if (length === 0) return
    take(buffer.subarray(0, length))
    at += length
  }
}
