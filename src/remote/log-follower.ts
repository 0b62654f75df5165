import { closeSync, readSync } from 'node:fs'
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

/**
 * Follows a file that a job writes, from its beginning, and masks it. The same file gives the same bytes at the same
 * offsets however often it is followed, so what was sent before can be passed over.
 */
export class LogFollower implements Disposable {
  readonly #fd: number
  readonly #masker: Masker
  readonly #take: TakeLog
  readonly #hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  readonly #piece = Buffer.allocUnsafe(pieceSize)
  #read = 0
  #given = 0
  #open = true

  /** Owns the descriptor. */
  constructor(fd: number, mask: Mask, take: TakeLog) {
    this.#fd = fd
    this.#masker = new Masker(mask)
    this.#take = take
  }

  /** Gives what has come since the last time. */
  async more(): Promise<void> {
    for (;;) {
      const count = readSync(this.#fd, this.#piece, 0, pieceSize, this.#read)
      if (count === 0) return
      this.#read += count
      await this.#give(this.#masker.push(this.#piece.subarray(0, count)))
      // Other jobs have logs too.
      if (count === pieceSize) await setImmediate()
    }
  }

  /** To be called when nobody writes any more: gives the rest, with a last line that has no end. */
  async end(): Promise<LogEnd> {
    await this.more()
    await this.#give(this.#masker.end())
    return { log_length: this.#given, log_sha256: this.#hash.digest('hex') }
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
