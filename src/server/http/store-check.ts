import type { Clock } from '../../edges.ts'
import type { Store } from '../../store/store.ts'

/**
 * Seconds in which a store that works answers: a probe hardly waits longer, and a database that hangs never
 * answers.
 */
const limit = 5

/**
 * Tells whether the store can be written to. Anybody may ask, so all who ask during a check share its answer.
 */
export class StoreCheck {
  readonly #store: Store
  readonly #clock: Clock
  #running: Promise<boolean> | undefined

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Resolves after at most five seconds. */
  async works(): Promise<boolean> {
    const over = new AbortController()
    const late = this.#clock.sleep(limit, over.signal).then(() => false)
    this.#running ??= this.#check()
    const works = await Promise.race([this.#running, late])
    over.abort()
    return works
  }

  async #check(): Promise<boolean> {
    try {
      await this.#store.check()
      return true
    } catch {
      return false
    } finally {
      this.#running = undefined
    }
  }
}
