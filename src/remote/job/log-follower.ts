import { type Mask, Masker } from '../../protocol/mask/mask.ts'
import type { KeptFiles } from '../executors/executor.ts'

/** Gets masked bytes in order, and their offset. A promise holds up the follower until it settles. */
export type TakeLog = (bytes: Uint8Array, offset: number) => void | Promise<void>

export interface LogEnd {
  log_length: number
  /** The hash of the masked bytes, in hexadecimal. */
  log_sha256: string
}

/** Bytes before the tail of a cut log in which a secret may begin that ends in the tail. */
const longestMatch = 2 * 1024 * 1024

/** The text in a log in the place of bytes that are not sent. */
export const cutNotice = (bytes: number): string =>
  `\n[runner: ${bytes} bytes of the log are left out here; log_limit in [executor] says how much is sent]\n`

/** A log as its job writes it. */
type Source = Pick<KeptFiles, 'log' | 'logLength'>

/**
 * Follows what a job writes, from its beginning, and masks it. Of a log with more bytes than the limit it
 * gives head and tail, with a notice between them: the head as it comes, the rest when the job has ended. The
 * same log gives the same bytes at the same offsets however often it is followed, so what was sent before can
 * be passed over.
 */
export class LogFollower {
  readonly #mask: Mask
  readonly #masker: Masker
  readonly #take: TakeLog
  readonly #limit: number
  readonly #head: number
  readonly #hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  #read = 0
  #given = 0
  /** Masked bytes behind the head. */
  #behind: Buffer[] = []

  /** `limit`: bytes of the log that are given. */
  constructor(mask: Mask, take: TakeLog, limit = Number.POSITIVE_INFINITY) {
    this.#mask = mask
    this.#masker = new Masker(mask)
    this.#take = take
    this.#limit = limit
    this.#head = Number.isFinite(limit) ? Math.floor(limit / 2) : limit
  }

  /** Gives what comes, as far as it belongs to the head; settles at the end of the log or of the head. */
  async follow(source: Source, signal: AbortSignal): Promise<void> {
    await this.#follow(source, this.#head, signal)
  }

  /**
   * Gives the rest of the log, also a last line that has no end. The job must have ended, and `follow`, if it
   * was called, must have settled.
   */
  async end(source: Source, signal: AbortSignal): Promise<LogEnd> {
    const size = await source.logLength()
    if (size <= this.#limit) {
      const behind = this.#behind.splice(0)
      for (const bytes of behind) await this.#give(bytes)
      await this.#follow(source, Number.POSITIVE_INFINITY, signal)
      await this.#give(this.#masker.end())
    } else {
      await this.#follow(source, this.#head, signal)
      const tail = size - (this.#limit - this.#head)
      // The masker held these bytes back, because they may be the beginning of a secret.
      await this.#give(this.#masker.end().subarray(0, this.#head - this.#given))
      await this.#give(Buffer.from(cutNotice(tail - this.#head)))
      await this.#giveFrom(source, tail, size, signal)
    }
    return { log_length: this.#given, log_sha256: this.#hash.digest('hex') }
  }

  /** Reads on, gives the bytes before an offset, and keeps the rest of the last piece. */
  async #follow(source: Source, end: number, signal: AbortSignal): Promise<void> {
    if (this.#given >= end) return
    for await (const piece of source.log(this.#read, signal)) {
      this.#read += piece.length
      const bytes = this.#masker.push(piece)
      const room = Math.min(bytes.length, end - this.#given)
      if (room < bytes.length) this.#behind.push(Buffer.from(bytes.subarray(room)))
      await this.#give(bytes.subarray(0, room))
      if (this.#given >= end) return
    }
  }

  /** Gives the bytes of a part of the log; the bytes before the part also count for the mask. */
  async #giveFrom(source: Source, from: number, end: number, signal: AbortSignal): Promise<void> {
    const masker = new Masker(this.#mask)
    let read = Math.max(0, from - longestMatch)
    let passed = from - read
    const give = (bytes: Uint8Array) => {
      const skipped = Math.min(passed, bytes.length)
      passed -= skipped
      return this.#give(bytes.subarray(skipped))
    }
    for await (const piece of source.log(read, signal)) {
      const part = piece.subarray(0, end - read)
      read += part.length
      await give(masker.push(part))
      if (read >= end) break
    }
    await give(masker.end())
  }

  async #give(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    this.#hash.update(bytes)
    const offset = this.#given
    this.#given += bytes.length
    await this.#take(Buffer.from(bytes), offset)
  }
}
