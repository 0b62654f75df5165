import { waitAfter } from '../../system/backoff.ts'
import { pause } from '../../system/wait.ts'
import type { RunnerContext } from '../context.ts'
import type { JobRef } from '../events.ts'
import type { Failure } from '../executors/executor.ts'

/**
 * Seconds: for a backend that is away, so that a restart of it costs no job; between two looks at a backend
 * that is away.
 */
const timeouts = { backend: 900, away: 30 }
/** The number of attempts to open a slot while the backend answers and refuses. */
const mostRefusals = 5

/** Whether a job that did not start is to be started again, and when. */
export class StartRetries {
  readonly #context: RunnerContext
  readonly #ref: JobRef
  readonly #onWait: (why: string) => void
  /** The monotonic time of the first failure: an image and a slot may take longer than any limit here. */
  #failing: number | undefined
  #refusals = 0

  constructor(context: RunnerContext, ref: JobRef, onWait: (why: string) => void) {
    this.#context = context
    this.#ref = ref
    this.#onWait = onWait
  }

  /** After a failure: waits for what may help. False: there is to be no other start. */
  async again(failure: Failure, stop: AbortSignal): Promise<boolean> {
    const { edges, host } = this.#context
    // One that went away in the middle of it is away, whatever it did not do.
    const away = failure.retry === 'when-back' || (failure.retry === 'soon' && !(await host.isWell()))
    if (!away) this.#refusals++
    const now = edges.clock.monotonic()
    this.#failing ??= now
    const waited = now - this.#failing
    if (failure.retry === 'never' || this.#refusals >= mostRefusals || waited > timeouts.backend) return false
    await this.#wait(failure.message, away, stop)
    return true
  }

  /** After a slot that ended before the job had started in it. False: there is to be no other start. */
  afterLoss(): boolean {
    return ++this.#refusals < mostRefusals
  }

  /** Tells why the job did not get a slot. */
  async #wait(message: string, away: boolean, stop: AbortSignal): Promise<void> {
    const { edges, host, emit, back, changed } = this.#context
    const seconds = away ? timeouts.away : waitAfter(this.#refusals + 1, edges.chance.random())
    emit({ event: 'job:waits', ...this.#ref, message, seconds })
    this.#onWait(message)
    if (!away) return pause(edges.clock, seconds, back, stop)
    host.suspect(message)
    const until = edges.clock.monotonic() + seconds
    while (host.problem !== undefined && edges.clock.monotonic() < until && !stop.aborted)
      await pause(edges.clock, 1, changed, stop)
  }
}
