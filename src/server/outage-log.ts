import { StoreFailure, type StoreFailureReason } from '../store/failure.ts'
import type { Log } from './log.ts'

/** Seconds between two lines about the same outage. */
const every = 60
/**
 * Failures of the store as a whole, which pass when somebody repairs it; a failure of one row has a line each
 * time.
 */
const outages: readonly StoreFailureReason[] = ['unavailable', 'disk-full', 'read-only', 'in-use', 'closed']

/**
 * Tells of a store that does not work: when that begins, once a minute, and when it works again; not for each
 * call.
 */
export class OutageLog {
  readonly #log: Log
  /** Seconds. */
  readonly #monotonic: () => number
  #since: number | undefined
  #toldAt = Number.NEGATIVE_INFINITY
  #told = false
  #failures = 0

  constructor(log: Log, monotonic: () => number) {
    this.#log = log
    this.#monotonic = monotonic
  }

  /** Whether an error is one of an outage, which then needs no line of its own. */
  takes(error: unknown): boolean {
    if (!(error instanceof StoreFailure) || !outages.includes(error.reason)) return false
    const now = this.#monotonic()
    this.#since ??= now
    this.#failures++
    if (now - this.#toldAt < every) return true
    this.#toldAt = now
    this.#told = true
    this.#log('error', 'the store does not work: calls are answered with 503', {
      problem: error.message,
      seconds: Math.round(now - this.#since),
      failures: this.#failures,
    })
    return true
  }

  /** A transaction has been kept. */
  worked(): void {
    if (this.#since === undefined) return
    const seconds = Math.round(this.#monotonic() - this.#since)
    if (this.#told) this.#log('info', 'the store works again', { seconds, failures: this.#failures })
    this.#since = undefined
    this.#told = false
    this.#failures = 0
  }
}
