import { closeSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import type { LogFact } from '../event.ts'

/** How many bytes of the end of an output are kept in memory for `lastLines`. */
const lastSize = 8192
const copySize = 1024 * 1024

/**
 * Keeps what a process wrote in a file of about `limit` bytes at the most: all of it, or its head and its tail
 * with a line between them that says how much is missing. Until `close`, the tail goes round in the second half
 * of the file. A disk that is full costs the record, never the process: `onLost` is told once, and no more is
 * kept.
 */
export class LogFile {
  readonly #path: string | undefined
  readonly #half: number
  readonly #onLost: (error: unknown) => void
  #fd: number | undefined
  #kept = false
  #bytes = 0
  readonly #last = Buffer.alloc(lastSize)

  /** `path` undefined: nothing is kept but the last lines. */
  constructor(path: string | undefined, limit: number, onLost: (error: unknown) => void) {
    this.#path = path
    this.#half = Math.max(1, Math.floor(limit / 2))
    this.#onLost = onLost
    if (path !== undefined)
      this.#guard(() => {
        this.#fd = openSync(path, 'wx+', 0o600)
        this.#kept = true
      })
  }

  /** The chunk may be reused once this has returned. */
  write(chunk: Uint8Array): void {
    const size = Math.min(chunk.length, lastSize)
    this.#last.copyWithin(0, size)
    this.#last.set(chunk.subarray(chunk.length - size), lastSize - size)
    const at = this.#bytes
    this.#bytes += chunk.length
    const fd = this.#fd
    if (fd !== undefined) this.#guard(() => this.#keep(fd, chunk, at))
  }

  #keep(fd: number, chunk: Uint8Array, at: number): void {
    for (let done = 0; done < chunk.length; ) {
      const offset = at + done
      const place = offset < this.#half ? offset : this.#half + ((offset - this.#half) % this.#half)
      const room = offset < this.#half ? this.#half - offset : 2 * this.#half - place
      done += writeSync(fd, chunk, done, Math.min(room, chunk.length - done), place)
    }
  }

  /** What is known of the output so far. */
  fact(): LogFact {
    const left_out = this.#kept ? Math.max(0, this.#bytes - 2 * this.#half) : 0
    return {
      ...(this.#kept && this.#path !== undefined ? { file: this.#path } : {}),
      bytes: this.#bytes,
      left_out,
    }
  }

  /** The last `count` lines, as text without control characters. */
  lastLines(count: number): string[] {
    const known = this.#last.subarray(Math.max(0, lastSize - this.#bytes))
    const lines = new TextDecoder().decode(known).split('\n')
    if (lines.at(-1) === '') lines.pop()
    if (this.#bytes > lastSize && lines.length > 1) lines.shift()
    return lines.slice(-count).map(printable)
  }

  /** Puts head and tail in order. No more is kept after it. */
  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd === undefined) return
    this.#guard(() => {
      if (this.fact().left_out > 0) this.#arrange(fd)
    })
    closeSync(fd)
  }

  /** Writes head, notice and tail into a new file and renames it over the old one. */
  #arrange(fd: number): void {
    const path = this.#path!
    const oldest = this.#half + (this.#bytes % this.#half)
    const out = openSync(`${path}.tmp`, 'w', 0o600)
    try {
      copy(fd, out, 0, this.#half)
      writeSync(
        out,
        `\n[runner: ${this.fact().left_out} of ${this.#bytes} bytes are left out here (log_limit)]\n`,
      )
      copy(fd, out, oldest, 2 * this.#half)
      copy(fd, out, this.#half, oldest)
    } finally {
      closeSync(out)
    }
    renameSync(`${path}.tmp`, path)
  }

  #guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (this.#fd !== undefined) closeSync(this.#fd)
      this.#fd = undefined
      this.#kept = false
      this.#onLost(error)
    }
  }
}

/** Removes what would move the cursor or change the colours of a terminal. */
export function printable(line: string): string {
  return line.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
}

function copy(from: number, to: number, start: number, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(copySize, end - start))
  for (let at = start; at < end; ) {
    const length = readSync(from, buffer, 0, Math.min(buffer.length, end - at), at)
    if (length === 0) return
    for (let done = 0; done < length; ) done += writeSync(to, buffer, done, length - done)
    at += length
  }
}
