import type { Clock } from '../../edges.ts'

/** Messages to one target in so many seconds. */
const most = 20
const span = 60

/** Counts the latest messages to a target, whether the target accepted them or not. */
export class SendRate {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** When the last of them were sent, the oldest first. */
  #sent: number[] = []

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** The number of further messages that may go now. */
  left(): number {
    const since = this.#clock.monotonic() - span
    this.#sent = this.#sent.filter(at => at > since)
    return most - this.#sent.length
  }

  /** Seconds until one more may go. */
  wait(): number {
    return this.left() > 0 ? 0 : this.#sent[0]! + span - this.#clock.monotonic()
  }

  count(): void {
    this.#sent.push(this.#clock.monotonic())
  }
}
