import type { Clock } from '../../../edges.ts'
import type { DiskUse } from './disk-use.ts'

/** Seconds between two looks at the free space, and at a job's use of the disk. */
const looks = { free: 1, use: 10 }

/**
 * After so many measurements in a row that failed, the job is ended: otherwise a job that makes measurements
 * fail or take too long would have no limit.
 */
const mostUnmeasured = 3

/** The disk use of a container. */
export interface Measured {
  use(): Promise<DiskUse>
  /** The free bytes of the disks to which the container writes. */
  free(): number
}

/** Notices that a job uses more of the disk than its limit. */
export class DiskGuard {
  readonly #disk: Measured
  readonly #limit: number
  readonly #clock: Clock
  readonly #onExceeded: (message: string) => void
  /** When the job is measured next, and when the free space is. */
  #next: { use: number; free: number }
  /** The most free bytes since the last measurement of the job. */
  #free: number
  #measuring = false
  #unmeasured = 0
  #exceeded = false

  /** `onExceeded` is called once, with the reason why the job has to end. */
  constructor(disk: Measured, limit: number, clock: Clock, onExceeded: (message: string) => void) {
    this.#disk = disk
    this.#limit = limit
    this.#clock = clock
    this.#onExceeded = onExceeded
    const now = clock.monotonic()
    this.#next = { use: now + looks.use, free: now }
    this.#free = disk.free()
  }

  /**
   * Measures every ten seconds, or after one second if the free space has shrunk by an eighth of the job's
   * limit.
   */
  look(): void {
    const now = this.#clock.monotonic()
    if (now < this.#next.free || this.#exceeded) return
    this.#next.free = now + looks.free
    const free = this.#disk.free()
    this.#free = Math.max(free, this.#free)
    if (now < this.#next.use && this.#free - free <= this.#limit / 8) return
    this.#next.use = now + looks.use
    this.#free = free
    void this.#measure()
  }

  async #measure(): Promise<void> {
    if (this.#measuring) return
    this.#measuring = true
    const { bytes, missing } = await this.#disk.use()
    this.#measuring = false
    this.#unmeasured = missing === undefined ? 0 : this.#unmeasured + 1
    if (bytes > this.#limit) this.#exceed('it had more on disk than disk_limit allows')
    else if (this.#unmeasured >= mostUnmeasured)
      this.#exceed(`its use of the disk could not be measured, so disk_limit did not hold: ${missing}`)
  }

  #exceed(message: string): void {
    if (this.#exceeded) return
    this.#exceeded = true
    this.#onExceeded(message)
  }
}
