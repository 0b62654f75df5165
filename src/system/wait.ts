import type { Clock } from '../edges.ts'
import { defined } from '../result.ts'

/**
 * Tells those who wait for a change that there was one. They look again: a notice carries no value and is not
 * kept.
 */
export class Notifier {
  #next = Promise.withResolvers<void>()

  /** Wakes all who wait at this moment. */
  notify(): void {
    const { resolve } = this.#next
    this.#next = Promise.withResolvers()
    resolve()
  }

  /** Settles at the next `notify`. */
  get notified(): Promise<void> {
    return this.#next.promise
  }
}

/**
 * Waits until so many seconds have passed, `notify` is called, or the signal aborts, whichever comes first.
 */
export async function pause(
  clock: Clock,
  seconds: number,
  notifier: Notifier,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const stop = () => over.abort()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) over.abort()
  await Promise.race([notifier.notified, clock.sleep(seconds, over.signal)])
  signal.removeEventListener('abort', stop)
  over.abort()
}

/**
 * Settles when the calls of this turn have gone out: undici chooses a connection in the next turn of the
 * event loop, and writes to it in the one after that.
 */
export async function sent(): Promise<void> {
  await nextTurn()
  await nextTurn()
}

/** Settles in the next turn of the event loop, when it has heard of all that has happened so far. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/**
 * Settles when a signal aborts; at once if it has. It stops listening, and never settles, once `over` has
 * aborted.
 */
export function aborted(signal: AbortSignal, over?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true, ...defined({ signal: over }) })
  })
}
