/*
 * One execution in its slot: watched, and brought to its end. All that is known of it is on disk before
 * anything follows from it, so another process can take it up at any moment.
 *
 *   ordered ── started ──► running ── exited ──► keeping ── files and end are in the spool ──► ended
 *      │                      │                     │
 *      └── never ──► not-started                    │
 *   ordered, running and keeping ── detach ─────────┴──► detached: the job runs on
 */
import type { Edges } from '../../edges.ts'
import { maskOutput, maskText } from '../../protocol/mask/mask-output.ts'
import { passwordOutputs } from '../../protocol/mask/secrets.ts'
import { sealedLength } from '../../protocol/seal.ts'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import { aborted } from '../../system/wait.ts'
import type { Failure, JobExit, JobHandle } from '../executors/executor.ts'
import type { JobEnd } from './job.ts'
import { jobMaskOf, outputMaskOf } from './job-mask.ts'
import { LogFollower, type TakeLog } from './log-follower.ts'
import { phasesOf, resourcesOf } from './phases.ts'
import { type Evidence, judge, readOutput } from './plugin-contract.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/**
 * Seconds between two tries to put the end on disk: at first, at the most, and from when on it is reported.
 */
const pauses = { first: 0.1, longest: 30, reported: 1 }

/** The result of watching a job. */
export type WatchedJob =
  | { state: 'ended'; end: JobEnd }
  /** It has never started, and never will. */
  | { state: 'not-started'; message: string; because?: Failure | undefined }
  /** Nobody watches it any more; it runs on. */
  | { state: 'detached' }

export interface WatchOptions {
  edges: Edges
  onLog: TakeLog
  /** Milliseconds of this clock less the server's, where that is known. */
  clockOffset?(): number | undefined
  onStarted?: (at: Date) => void
  /** Its end cannot be kept, and is tried again after so many seconds. */
  onStuck?: (message: string, seconds: number) => void
}

type State =
  | { at: 'ordered' | 'running' | 'keeping'; asked: StopReason | undefined }
  | { at: 'over'; as: WatchedJob }

type StopReason = 'aborted' | 'lease-lost'

/** Watches one job to its end. */
export class JobWatch {
  /** Settles once; rejects for bugs only. */
  readonly ended: Promise<WatchedJob>
  readonly #execution: SpooledExecution
  readonly #handle: JobHandle
  readonly #options: WatchOptions
  readonly #detach = new AbortController()
  #state: State = { at: 'ordered', asked: undefined }

  constructor(execution: SpooledExecution, handle: JobHandle, options: WatchOptions) {
    this.#execution = execution
    this.#handle = handle
    this.#options = options
    this.ended = this.#watch().then(as => {
      this.#state = { at: 'over', as }
      return as
    })
  }

  /** Asks the job to end: its signal, its grace, then SIGKILL. Twice is once, and the first reason wins. */
  abort(why: StopReason = 'aborted'): void {
    if (this.#state.at === 'over' || this.#state.asked !== undefined) return
    this.#state = { ...this.#state, asked: why }
    this.#handle.stop(why)
  }

  /** Watches the job no more; the job runs on. */
  detach(): void {
    if (this.#state.at === 'over') return
    this.#detach.abort()
    this.#handle.detach()
  }

  async #watch(): Promise<WatchedJob> {
    const { job } = this.#execution
    const { onLog, onStarted } = this.#options
    const { signal } = this.#detach
    const follower = new LogFollower(jobMaskOf(job), onLog, job.log_limit)
    const followed = follower.follow(this.#handle, signal)
    const detached = aborted(signal).then(() => 'detached' as const)
    const started = await Promise.race([this.#handle.started, detached])
    if (started === 'detached') return { state: 'detached' }
    if (started === 'never') {
      const because = this.#handle.neverBecause
      const message = because?.message ?? 'its executor ended before the job had started'
      return { state: 'not-started', message, because }
    }
    this.#enter('running')
    onStarted?.(started)
    const exit = await Promise.race([this.#handle.exited, detached])
    if (exit === 'detached') return { state: 'detached' }
    await followed
    const log = await follower.end(this.#handle, signal)
    // The log was cut short by the detachment.
    if (signal.aborted) return { state: 'detached' }
    this.#enter('keeping')
    const end: JobEnd = { ...(await this.#endOf(exit)), ...log }
    return (await this.#keep(end)) ? { state: 'ended', end } : { state: 'detached' }
  }

  #enter(at: 'running' | 'keeping'): void {
    if (this.#state.at !== 'over') this.#state = { ...this.#state, at }
  }

  async #endOf(exit: JobExit): Promise<Omit<JobEnd, 'log_length' | 'log_sha256'>> {
    const { job } = this.#execution
    const clock_offset = this.#options.clockOffset?.()
    const verdict = judge({
      kind: job.kind,
      exit,
      output: job.input === undefined ? undefined : await this.#output(),
      asked: this.#state.at === 'over' ? undefined : this.#state.asked,
      limit: job.max_time_seconds,
    })
    const passwords = job.input === undefined ? new Set<string>() : passwordOutputs(job.input)
    const mask = outputMaskOf(job, verdict.output, passwords)
    return {
      ...verdict,
      error_message: verdict.error_message && maskText(verdict.error_message, mask),
      output: verdict.output && (await maskOutput(verdict.output, passwords, mask)),
      started_at: exit.startedAt.toISOString(),
      finished_at: exit.at.toISOString(),
      phases: phasesOf(exit, this.#execution.preparation),
      ...defined({ clock_offset, resources: resourcesOf(exit) }),
    }
  }

  async #output(): Promise<Evidence['output']> {
    const { max_output_bytes: limit, session_key } = this.#execution.job
    // The limit is for what the plugin has to say, not for how that is sealed, and how its line ends.
    const output = await this.#handle.output(sealedLength(limit) + 2)
    if (!output.ok) return fail(output.failure.message)
    return output.value && readOutput(output.value, session_key, limit)
  }

  /**
   * Puts files and end on record. Waits for a disk that is full: the result must not be lost. False: the
   * watch was detached, and the next process finds the files where they are.
   */
  async #keep(end: JobEnd): Promise<boolean> {
    const { edges, onStuck } = this.#options
    const { signal } = this.#detach
    for (let pause = pauses.first; ; pause = Math.min(pause * 2, pauses.longest)) {
      const kept = await this.#tryToKeep(end)
      if (kept.ok) return true
      if (signal.aborted) return false
      if (pause >= pauses.reported) onStuck?.(`its end cannot be put on disk: ${kept.failure}`, pause)
      await edges.clock.sleep(pause, signal)
    }
  }

  async #tryToKeep(end: JobEnd): Promise<Result<void, string>> {
    const kept = await this.#handle.keep()
    if (!kept.ok) return fail(kept.failure.message)
    try {
      this.#execution.writeEnd(end)
      return ok(undefined)
    } catch (error) {
      return fail(errorText(error))
    }
  }
}
