import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../src/edges.ts'

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #seconds = 0
  readonly #sleepers = new Set<{ until: number; wake(): void }>()

  now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.#seconds * 1000)
  }

  monotonic(): number {
    return this.#seconds
  }

  sleep(seconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve()
      const sleeper = {
        until: this.#seconds + seconds,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal?.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      signal?.addEventListener('abort', sleeper.wake, { once: true })
      this.#sleepers.add(sleeper)
      if (seconds <= 0) sleeper.wake()
    })
  }

  /** Moves on from one wake-up to the next; all consequences of each happen before the next one. */
  async pass(seconds: number): Promise<void> {
    const end = this.#seconds + seconds
    await settled()
    for (;;) {
      const [next] = [...this.#sleepers].sort((a, b) => a.until - b.until)
      if (next === undefined || next.until > end) break
      this.#seconds = Math.max(this.#seconds, next.until)
      next.wake()
      await settled()
    }
    this.#seconds = end
  }
}

/** Settles when everything has happened that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}
