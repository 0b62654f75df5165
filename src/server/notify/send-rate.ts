import type { Clock } from '../../edges.ts'

/** Messages to one target in so many seconds. */
const most = 20
const span = 60

/** How many messages have gone to a target lately, taken or not. */
export class SendRate {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** When the last of them were sent, the oldest first. */
  #sent: number[] = []

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** How many more may go now. */
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
