import { setImmediate } from 'node:timers/promises'
import { Notifier } from '../../src/system/wait.ts'

/** The log of a job that runs, in memory. */
export class GrowingLog {
  readonly #changed = new Notifier()
  #bytes = Buffer.alloc(0)
  #ended = false

  /** Writes a piece; resolves when those who follow the log have had the time to take it. */
  async write(text: string): Promise<void> {
    this.#bytes = Buffer.concat([this.#bytes, Buffer.from(text)])
    this.#changed.notify()
    await setImmediate()
  }

  /** The job has ended. */
  end(): void {
    this.#ended = true
    this.#changed.notify()
  }

  async *log(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const stop = () => this.#changed.notify()
    signal.addEventListener('abort', stop, { once: true })
    try {
      for (let at = from; !signal.aborted; ) {
        const piece = this.#bytes.subarray(at)
        at += piece.length
        if (piece.length > 0) yield piece
        else if (this.#ended) return
        else await this.#changed.notified
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async logLength(): Promise<number> {
    while (!this.#ended) await this.#changed.notified
    return this.#bytes.length
  }
}
