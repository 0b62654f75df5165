import type { Edges } from '../../edges.ts'
import type { ClockSample } from '../../protocol/client/clock-sample.ts'
import type { EmitAttach } from '../events.ts'
import { ClockDifference } from './clock-difference.ts'

/**
 * A difference from the server's clock of more than `tolerance` seconds is reported, once in `every` seconds.
 */
const tolerance = 30
const every = 60

/** Measures the difference between this clock and the server's, and reports a large one. */
export class ClockReporter {
  readonly #difference = new ClockDifference()
  readonly #edges: Edges
  readonly #emit: EmitAttach
  #next = Number.NEGATIVE_INFINITY

  constructor(edges: Edges, emit: EmitAttach) {
    this.#edges = edges
    this.#emit = emit
  }

  get best(): ClockSample | undefined {
    return this.#difference.best
  }

  /** Seconds by which this clock is ahead of the server's; 0 while the difference is unknown. */
  get seconds(): number {
    return (this.best?.offset ?? 0) / 1000
  }

  add(sample: ClockSample): void {
    const now = this.#edges.clock.monotonic()
    this.#difference.add(sample, now)
    if (Math.abs(this.seconds) <= tolerance || now < this.#next) return
    this.#next = now + every
    this.#emit({ event: 'clock:wrong', difference_seconds: Math.round(this.seconds) })
  }
}
