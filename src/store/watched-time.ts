/** A jump of the store's clock: by how many milliseconds, and at which watched time. */
export interface Jump {
  by: number
  at: number
}

/** The times that a sweep has found out. */
export interface TimeSeen {
  /** The time by the store's clock. */
  now: number
  watched: number
  /** Jumps that tokens do not count. */
  jumps: readonly Jump[]
  /** Milliseconds for which `watched` goes on without another sweep. */
  longest: number
}

/**
 * Time that neither a pause of the server nor a jump of the store's clock moves: each sweep says what it is,
 * and until the next it goes on by the monotonic clock.
 */
export class WatchedTime {
  readonly #monotonic: () => number
  #seen: TimeSeen
  #since: number

  /** `monotonic` gives milliseconds. */
  constructor(monotonic: () => number, seen: TimeSeen) {
    this.#monotonic = monotonic
    this.#seen = seen
    this.#since = monotonic()
  }

  /** Takes over the times that a sweep has found out at a monotonic time. */
  set(seen: TimeSeen, since: number): void {
    this.#seen = seen
    this.#since = since
  }

  /** The time that sweeps have watched, in milliseconds: deadlines are set and judged by it. */
  get watched(): number {
    return Math.floor(this.#seen.watched + Math.min(this.#elapsed, this.#seen.longest))
  }

  /** The store's clock. */
  get now(): number {
    return Math.floor(this.#seen.now + this.#elapsed)
  }

  /** Whether a token has expired, by the store's clock less its latest jumps since the token was made. */
  isExpired({ expires_at, watched_at }: { expires_at: number | null; watched_at: number }): boolean {
    if (expires_at === null) return false
    const { now, jumps } = this.#seen
    const jumped = jumps.reduce((sum, { by, at }) => (at >= watched_at ? sum + by : sum), 0)
    return expires_at <= now + this.#elapsed - jumped
  }

  get #elapsed(): number {
    return Math.max(0, this.#monotonic() - this.#since)
  }
}
