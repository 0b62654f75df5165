import type { ClockSample } from '../../protocol/client/clock-sample.ts'

/** The number of samples that are kept, and the seconds for which each is kept. */
const kept = { samples: 32, seconds: 600 }
/**
 * Milliseconds a second by which two clocks may drift apart. `slewed`: while a clock is slewed, so the most
 * that two samples may differ. `usual`: otherwise, so the error that a sample gains with its age.
 */
const drift = { slewed: 0.5, usual: 0.1 }
/** Milliseconds by which two samples may contradict each other. */
const tolerance = 5

/**
 * The difference between this clock and the server's, by the best of the latest samples. A sample that
 * contradicts the best one shows that a clock was set, so the earlier samples are dropped.
 */
export class ClockDifference {
  #samples: (ClockSample & { at: number })[] = []

  /** Takes a sample at a time of the monotonic clock, in seconds. */
  add(sample: ClockSample, at: number): void {
    const { best } = this
    if (best !== undefined && !agree(best, sample, at - best.at)) this.#samples = []
    this.#samples = this.#samples.filter(one => at - one.at <= kept.seconds).slice(-kept.samples + 1)
    this.#samples.push({ ...sample, at })
  }

  /** The sample with the smallest possible error; undefined while there is no sample. */
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

/** Whether two samples, taken so many seconds apart, can both be right. */
function agree(one: ClockSample, other: ClockSample, seconds: number): boolean {
  const most = (one.round_trip + other.round_trip) / 2 + tolerance + drift.slewed * seconds
  return Math.abs(one.offset - other.offset) <= most
}
