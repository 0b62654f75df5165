import type { ClockSample } from '../protocol/clock-sample.ts'

/** Samples that are kept, and seconds for which one is. */
const kept = { samples: 32, seconds: 600 }
/** Milliseconds a second by which two clocks may drift apart: one that is slewed, and by how much an old sample counts less. */
const drift = { slewed: 0.5, usual: 0.1 }
/** Milliseconds by which two samples may contradict each other. */
const tolerance = 5

/** How far this clock is from the server's: by the best of the latest samples, until one shows that a clock was set. */
export class ClockDifference {
  #samples: (ClockSample & { at: number })[] = []

  /** Takes a sample at a time of the monotonic clock, in seconds. */
  add(sample: ClockSample, at: number): void {
    const { best } = this
    if (best !== undefined && !agree(best, sample, at - best.at)) this.#samples = []
    this.#samples = this.#samples.filter(one => at - one.at <= kept.seconds).slice(-kept.samples + 1)
    this.#samples.push({ ...sample, at })
  }

  /** The sample that is right to the fewest milliseconds; undefined as long as there is none. */
  get best(): (ClockSample & { at: number }) | undefined {
    const latest = this.#samples.at(-1)?.at ?? 0
    const error = ({ round_trip, at }: ClockSample & { at: number }) =>
      round_trip / 2 + drift.usual * (latest - at)
    return this.#samples.reduce<(ClockSample & { at: number }) | undefined>(
      (best, one) => (best === undefined || error(one) <= error(best) ? one : best),
      undefined,
    )
  }
}

/** Whether both can be right, so many seconds apart. */
function agree(one: ClockSample, other: ClockSample, seconds: number): boolean {
  const most = (one.round_trip + other.round_trip) / 2 + tolerance + drift.slewed * seconds
  return Math.abs(one.offset - other.offset) <= most
}
