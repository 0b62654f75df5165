import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../edges.ts'

/** Wakes all who wait at that moment. */
export class Bell {
  #next = Promise.withResolvers<void>()

  ring(): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers()
    resolve()
  }

  /** Settles at the next ring. */
  get rung(): Promise<void> {
    return this.#next.promise
  }
}

/** Waits for seconds, a ring or the signal, whichever comes first. */
export async function pause(clock: Clock, seconds: number, bell: Bell, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const stop = () => over.abort()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) over.abort()
  await Promise.race([bell.rung, clock.sleep(seconds, over.signal)])
  signal.removeEventListener('abort', stop)
  over.abort()
}

/** Settles when the calls of this turn have gone out: undici looks at a connection first, and writes in the next one. */
export async function sent(): Promise<void> {
  await setImmediate()
  await setImmediate()
}

/** Settles when a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
