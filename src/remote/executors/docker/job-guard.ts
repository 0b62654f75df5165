/*
 * Ends a job before its time: the job was asked to end, it uses too much of the disk, or the supervisor does
 * not end it.
 */
import type { Clock } from '../../../edges.ts'
import type { Container } from './container.ts'
import { DiskGuard } from './disk-guard.ts'
import type { DockerPlace } from './state.ts'

/** Seconds beyond the limits of the supervisor after which runner kills the container. */
const killSlack = 15
/** Seconds between two looks. */
const lookEvery = 0.5

export interface JobGuardOptions {
  place: DockerPlace
  container: Container | undefined
  /** Bytes that the job may have on disk. */
  diskLimit: number
  clock: Clock
  /** When the job was seen to run, on the monotonic clock; undefined while it has not been. */
  seenRunning(): number | undefined
}

export class JobGuard {
  readonly #options: JobGuardOptions
  #stop: { why: 'aborted' | 'lease-lost'; at: number } | undefined
  #diskExceeded: string | undefined

  constructor(options: JobGuardOptions) {
    this.#options = options
  }

  /** Why the job has to end: it exceeds the limit of its disk. */
  get diskExceeded(): string | undefined {
    return this.#diskExceeded
  }

  /** Asks the job to end; false: it was asked before, and the first reason is kept. */
  stop(why: 'aborted' | 'lease-lost'): boolean {
    if (this.#stop !== undefined) return false
    this.#stop = { why, at: this.#options.clock.monotonic() }
    this.#cancel()
    return true
  }

  /** Watches the job's use of the disk, and kills the container if the job does not end in time. */
  watch(detached: AbortSignal): AsyncDisposable & { stop(): void } {
    const { container, diskLimit, clock } = this.#options
    const over = new AbortController()
    const disk =
      container &&
      new DiskGuard(container.disk, diskLimit, clock, message => {
        if (this.#stop?.why === 'lease-lost') return
        this.#diskExceeded = message
        this.#cancel()
      })
    const ended = AbortSignal.any([over.signal, detached])
    const look = async () => {
      while (!ended.aborted) {
        disk?.look()
        // A job may keep its supervisor from reading a line, so the order is repeated.
        if (this.#stop !== undefined || this.#diskExceeded !== undefined) this.#cancel()
        if (this.#isLate()) await container?.engineSide.kill()
        await clock.sleep(lookEvery, ended)
      }
    }
    const looking = look()
    return {
      stop: () => over.abort(),
      async [Symbol.asyncDispose]() {
        over.abort()
        await looking
      },
    }
  }

  #cancel(): void {
    this.#options.container?.orders.cancel(this.#options.place.nonce)
  }

  /** Whether the supervisor should have ended the job by now, so that the container is to be killed. */
  #isLate(): boolean {
    const { limit, grace } = this.#options.place
    const now = this.#options.clock.monotonic()
    if (this.#stop !== undefined && now > this.#stop.at + grace + killSlack) return true
    const seen = this.#options.seenRunning()
    return seen !== undefined && limit > 0 && now > seen + limit + grace + killSlack
  }
}
