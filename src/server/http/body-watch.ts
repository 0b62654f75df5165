import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../edges.ts'

/** Seconds between two looks. */
const lookEvery = 1

/** Watches bodies that have not arrived yet: a request whose body is late is ended. */
export class BodyWatch {
  readonly #clock: Clock
  /** The deadline of each, in monotonic seconds, and the call that follows if it passes. */
  readonly #bodies = new Map<IncomingMessage, { until: number; onLate: () => void }>()
  #watching: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `onLate` where the body of a request has not come within some seconds. */
  await(request: IncomingMessage, seconds: number, onLate: () => void): void {
    this.#bodies.set(request, { until: this.#clock.monotonic() + seconds, onLate })
    // The body has been read, or its connection has been closed.
    request.once('close', () => this.#bodies.delete(request))
    this.#watching ??= this.#watch()
  }

  async #watch(): Promise<void> {
    while (this.#bodies.size > 0) {
      await this.#clock.sleep(lookEvery)
      const now = this.#clock.monotonic()
      for (const [request, { until, onLate }] of this.#bodies) {
        if (until > now) continue
        this.#bodies.delete(request)
        if (!request.complete) onLate()
      }
    }
    this.#watching = undefined
  }
}
