import type { Edges } from '../edges.ts'

/** Seconds after which the same problem is reported again. */
const remindEvery = 60

/** Problems that are reported within that time. */
const mostReminded = 100

/** Has a problem reported when it is new, and then once a minute. */
export class Reminder {
  readonly #edges: Edges
  /** When each was reported last, as far as that matters: two of them may take turns. */
  readonly #reported = new Map<string, number>()

  constructor(edges: Edges) {
    this.#edges = edges
  }

  /** Whether it is to be reported now. */
  isDue(problem: string): boolean {
    const now = this.#edges.clock.monotonic()
    for (const [known, at] of this.#reported) if (now >= at + remindEvery) this.#reported.delete(known)
    // A server that names a new problem each time is reported only so often.
    if (this.#reported.has(problem) || this.#reported.size >= mostReminded) return false
    this.#reported.set(problem, now)
    return true
  }

  /** It is over; the next one is new. */
  clear(): void {
    this.#reported.clear()
  }
}
