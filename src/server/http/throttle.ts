/** Failures of one kind by one key that are let pass in a minute. */
interface Limits {
  /** The limit for one token from one address. */
  token: number
  /** The limit for all tokens from one address. */
  address: number
}

const limits: Limits = { token: 10, address: 100 }
const windowSeconds = 60
/** Keys remembered at most: a flood of addresses costs no more memory than this. */
const mostKeys = 20_000

/**
 * Counts authentications that have failed, by address and token. It is asked after a look-up has failed, so a
 * valid token is never refused, even if others behind the same address have failed.
 */
export class Throttle {
  #failures = new Map<string, number>()
  #windowEnds = 0

  /** Counts a failure at `now` (monotonic seconds); gives the seconds to wait after too many. */
  failed(address: string, tokenHash: string, now: number): number | undefined {
    if (now >= this.#windowEnds || this.#failures.size >= mostKeys) {
      this.#failures.clear()
      this.#windowEnds = now + windowSeconds
    }
    const together = this.#count(`${address} ${tokenHash}`) > limits.token
    const alone = this.#count(address) > limits.address
    return together || alone ? Math.ceil(this.#windowEnds - now) : undefined
  }

  #count(key: string): number {
    const count = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, count)
    return count
  }
}
