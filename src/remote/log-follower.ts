import { closeSync, fstatSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { type Mask, Masker } from '../protocol/mask.ts'

/** Gets masked bytes in order, and where they belong. A promise asks for patience. */
export type TakeLog = (bytes: Uint8Array, offset: number) => void | Promise<void>

export interface LogEnd {
  log_length: number
  /** Of the masked bytes, in hexadecimal. */
  log_sha256: string
}

const pieceSize = 256 * 1024
/** Bytes before the tail of a cut log in which a secret may begin that ends in the tail. */
const longestMatch = 2 * 1024 * 1024

/** What stands in a log for the bytes that are not sent. */
export const cutNotice = (bytes: number): string =>
  `\n[runner: ${bytes} bytes of the log are left out here; log_limit in [executor] says how much is sent]\n`

/**
 * Follows a file into which a job's output goes, from its beginning, and masks it. Of a file with more bytes than the
 * limit it gives head and tail, with a notice between them: the head as it comes, the rest when nobody writes any more.
 * The same file gives the same bytes at the same offsets however often it is followed, so what was sent before can be
 * passed over.
 */
export class LogFollower implements Disposable {
  readonly #fd: number
  readonly #mask: Mask
  readonly #masker: Masker
  readonly #take: TakeLog
  readonly #limit: number
  readonly #head: number
  readonly #hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  readonly #piece = Buffer.allocUnsafe(pieceSize)
  #read = 0
  #given = 0
  /** Masked bytes behind the head. */
  #behind: Buffer[] = []
  #open = true

  /** Owns the descriptor. `limit`: bytes of the file that are given. */
  constructor(fd: number, mask: Mask, take: TakeLog, limit = Number.POSITIVE_INFINITY) {
    this.#fd = fd
    this.#mask = mask
    this.#masker = new Masker(mask)
    this.#take = take
    this.#limit = limit
    this.#head = Number.isFinite(limit) ? Math.floor(limit / 2) : limit
  }

  /** Gives what has come since the last time, as far as it belongs to the head. */
  async more(): Promise<void> {
    await this.#follow(this.#head)
  }

  /** To be called when nobody writes any more: gives the rest, with a last line that has no end. */
  async end(): Promise<LogEnd> {
    await this.more()
    const { size } = fstatSync(this.#fd)
    if (size <= this.#limit) {
      const behind = this.#behind.splice(0)
      for (const bytes of behind) await this.#give(bytes)
      await this.#follow(Number.POSITIVE_INFINITY)
      await this.#give(this.#masker.end())
    } else {
      const tail = size - (this.#limit - this.#head)
      // Held back as what may be the beginning of a secret.
      await this.#give(this.#masker.end().subarray(0, this.#head - this.#given))
      await this.#give(Buffer.from(cutNotice(tail - this.#head)))
      await this.#giveFrom(tail, size)
    }
    return { log_length: this.#given, log_sha256: this.#hash.digest('hex') }
  }

  /** Reads on, gives what comes before an offset, and keeps what of the last piece stands behind it. */
  async #follow(end: number): Promise<void> {
    while (this.#given < end) {
      const count = readSync(this.#fd, this.#piece, 0, pieceSize, this.#read)
      if (count === 0) return
      this.#read += count
      const bytes = this.#masker.push(this.#piece.subarray(0, count))
      const room = Math.min(bytes.length, end - this.#given)
      if (room < bytes.length) this.#behind.push(Buffer.from(bytes.subarray(room)))
      await this.#give(bytes.subarray(0, room))
      // Other jobs have logs too.
      if (count === pieceSize) await setImmediate()
    }
  }

  /** Gives the bytes of a part of the file, masked by what stands before them too. */
  async #giveFrom(from: number, end: number): Promise<void> {
    const masker = new Masker(this.#mask)
    let read = Math.max(0, from - longestMatch)
    let passed = from - read
    const give = (bytes: Uint8Array) => {
      const skipped = Math.min(passed, bytes.length)
      passed -= skipped
      return this.#give(bytes.subarray(skipped))
    }
    while (read < end) {
      const count = readSync(this.#fd, this.#piece, 0, Math.min(pieceSize, end - read), read)
      if (count === 0) break
      read += count
      await give(masker.push(this.#piece.subarray(0, count)))
      await setImmediate()
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

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }
}
