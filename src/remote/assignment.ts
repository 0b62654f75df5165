/*
 * One execution, from its reservation to its acknowledged result.
 *
 *   confirming ─ confirmed ─► preparing ─ image, executor ─► running ─ ended ─► delivering ─ acknowledged ─► over
 *       │                      ▲   │                           │  ▲ │
 *       │                      └───┼─── has never started ─────┘  │ └─ detached: it runs on ──────────────► over
 *       │                          └─ cannot be started, or was aborted ─► delivering
 *       └─ not held any more: dropped ────────────────────────────────────────────────────────────────────► over
 *
 * While it is confirmed it is already put where an idle executor has its image (placing.ts); only the order waits. All
 * that is known of it is in the spool before anything follows from it, so a process that is killed anywhere here leaves
 * what the next one needs.
 */
import { createHash } from 'node:crypto'
import { ok, type Result } from '../result.ts'
import { waitAfter, waitFor } from './backoff.ts'
import { pause } from './bell.ts'
import { Delivery } from './delivery.ts'
import type { JobRef } from './events.ts'
import { adoptJob, type StartFailure, startPlaced } from './execution.ts'
import type { Executor, ExecutorFailure } from './executors/executor.ts'
import type { JobWatch, WatchOptions } from './job-watch.ts'
import { Placing } from './placing.ts'
import { type EndReason, leaseLost } from './plugin.ts'
import type { Room } from './room.ts'
import type { Execution, JobEnd, Lease } from './spool.ts'

/** Where the work at an execution begins. */
export type Beginning =
  | { at: 'confirming' }
  /** Handed over by an earlier process; undefined: there is no trace of its executor. */
  | { at: 'running'; executor: Executor | undefined }
  | { at: 'delivering' }

export type Phase = 'confirming' | 'preparing' | 'running' | 'delivering' | 'over'

/**
 * Seconds: for an engine that is away, so that a restart of it costs no job; for the first answer to the result before
 * all that can follow it.
 */
const patience = { engine: 900, clean: 0.02 }
/** How often an executor is tried to be had, where the engine answers and refuses. */
const mostRefusals = 5

const engineAway: readonly ExecutorFailure['reason'][] = ['engine-unreachable', 'engine-timeout']
const mayPass: readonly StartFailure['reason'][] = [
  ...engineAway,
  ...(['executor-not-started', 'executor-lost', 'engine-refused', 'conflict', 'spool-lost'] as const),
]

/** Why a job gets no further; `dropped` and `left` are no failures of its own. */
type Stopped = 'dropped' | 'left'

export class Assignment {
  readonly execution: Execution
  readonly ref: JobRef
  readonly kind: string
  /** Settles when this process has no more to do with it; rejects for bugs only. */
  readonly over: Promise<void>
  readonly #room: Room
  #lease: Lease
  #phase: Phase
  #confirmed: boolean
  #confirmedAt = Number.NEGATIVE_INFINITY
  #watch: JobWatch | undefined
  #executor: Executor | undefined
  #tidied: Promise<unknown> | undefined
  readonly #placing: Placing
  /** Its log and its result, on their way to the server. */
  readonly #delivery: Delivery
  /** Asked to end; the result says so. */
  readonly #abort = new AbortController()
  /** Not this runner's any more: nobody wants the result. */
  readonly #drop = new AbortController()
  /** What ends all waiting of this process: it is over, or nobody wants the job. */
  readonly #stop: AbortSignal

  constructor(execution: Execution, lease: Lease, beginning: Beginning, room: Room) {
    this.execution = execution
    this.#lease = lease
    this.#room = room
    this.#phase = beginning.at
    this.#confirmed = beginning.at !== 'confirming'
    this.kind = execution.job.kind
    const { execution_id, image } = execution.job
    this.ref = { execution_id, image, job_name: lease.job_name }
    this.#stop = AbortSignal.any([room.over, this.#drop.signal])
    this.#delivery = new Delivery({
      ...{ room, execution, ref: this.ref, stop: this.#stop },
      leaseId: () => this.#lease.lease_id,
      openLog: () => this.#watch?.openLog() ?? execution.openLog(),
      drop: message => this.drop(message),
    })
    this.#placing = new Placing({
      ...{ room, execution, onPull: this.#tellPull() },
      onExecutor: executor => {
        this.#executor = executor
      },
    })
    this.over = this.#live(beginning).finally(() => this.#enter('over'))
  }

  get id(): string {
    return this.execution.id
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Whether it is this runner's, as far as it knows. */
  get isHeld(): boolean {
    return this.#confirmed && this.#phase !== 'over' && !this.#drop.signal.aborted
  }

  /** On the monotonic clock; before all time where an earlier process did that. */
  get confirmedAt(): number {
    return this.#confirmedAt
  }

  /** Whether it takes a slot. */
  get takesSlot(): boolean {
    return this.#phase === 'confirming' || this.#phase === 'preparing' || this.#phase === 'running'
  }

  /** Whether it has an executor of its own. */
  get hasExecutor(): boolean {
    return this.#executor !== undefined
  }

  /** Asks it to end. Twice is once. */
  abort(why: 'aborted' | 'lease-lost' = 'aborted'): void {
    if (this.#abort.signal.aborted || !this.takesSlot) return
    this.#abort.abort(why)
    this.#watch?.abort(why)
  }

  /** It is not this runner's any more: ends it, and forgets it. */
  drop(message: string): void {
    if (this.#drop.signal.aborted || this.#phase === 'over') return
    // A heartbeat that was under way may list it still.
    if (!this.#delivery.isDone) this.#room.emit({ event: 'job:dropped', ...this.ref, message })
    this.#drop.abort()
    this.#watch?.abort()
    this.#room.changed.ring()
  }

  /** Ends its container at once, without grace. */
  async kill(): Promise<void> {
    this.drop('this runner was deleted')
    await this.#executor?.kill()
  }

  /** Watches it no more; it runs on. */
  detach(): void {
    this.#watch?.detach()
  }

  /** The server hands the same execution out again, under another lease: a store that was restored, for example. */
  renew(lease: Lease): void {
    if (lease.lease_id === this.#lease.lease_id) return
    this.#lease = lease
    try {
      this.execution.writeLease(lease)
    } catch {
      // This process has it; the next one asks the server.
    }
    if (this.#confirmed) void this.#confirm()
  }

  #enter(phase: Phase): void {
    this.#phase = phase
    this.#room.changed.ring()
  }

  async #live(beginning: Beginning): Promise<void> {
    // What comes of it is known to those who have made it.
    await Promise.resolve()
    if (beginning.at === 'confirming') {
      this.#placing.begin(this.#stopOrAbort())
      if (!(await this.#confirm())) {
        await this.#placing.undo()
        // Whether the server has heard of it is for the next process to ask.
        return this.#drop.signal.aborted ? this.#forget() : undefined
      }
    }
    let end = beginning.at === 'delivering' ? this.execution.end : undefined
    if (end === undefined) {
      const done = beginning.at === 'running' ? await this.#goOn(beginning.executor) : await this.#work()
      if (done === 'left') return
      if (done === 'dropped') return this.#forget()
      end = done
      const { outcome, exit_code, reason, error_message } = end
      this.#room.emit({ event: 'job:ended', ...this.ref, outcome, exit_code, reason, error_message })
    }
    this.#enter('delivering')
    if ((await this.#delivery.deliver(end)) || this.#drop.signal.aborted) await this.#forget()
  }

  /** Removes all that is on disk of it. */
  async #forget(): Promise<void> {
    const { clock } = this.#room.edges
    await this.#tidied
    for (let told = false; ; told = true) {
      const removed = await this.execution.remove()
      if (removed.ok) return
      if (!told) this.#room.emit({ event: 'notice', message: removed.failure })
      await clock.sleep(30, this.#room.over)
      if (this.#room.over.aborted) return
    }
  }

  /** Takes it, in the eyes of the server. False: it is not held any more. */
  async #confirm(): Promise<boolean> {
    const { api, edges, back } = this.#room
    for (let failures = 0; !this.#stop.aborted; ) {
      const said = await api.confirm(this.id, this.#lease.lease_id, this.#stop)
      if (said.ok) {
        this.#confirmed = true
        this.#confirmedAt = edges.clock.monotonic()
        return true
      }
      const { meaning, message } = said.failure
      if (meaning === 'again')
        await pause(edges.clock, waitFor(++failures, edges.chance.random(), said.failure), back, this.#stop)
      else if (meaning === 'stopped' || !(await this.#room.mend(said.failure))) {
        if (meaning !== 'stopped') this.drop(`it was not confirmed: ${message}`)
        break
      }
    }
    return false
  }

  /** Watches what an earlier process has begun. */
  async #goOn(executor: Executor | undefined): Promise<JobEnd | Stopped> {
    const watch = adoptJob(this.execution, executor, this.watchOptions(true))
    if (watch.ok) {
      if (executor !== undefined) this.#room.images.set(executor.image_id, this.execution.job.image)
      return this.#work(watch.value, executor)
    }
    if (executor !== undefined) void this.#room.host.workshop?.pool.discard(executor)
    return this.#endUnstarted('failed', 'executor-lost', `${watch.failure.message}; it may have run`)
  }

  /** Runs it, here or where it was begun; resolves to its end. */
  async #work(watch?: JobWatch, executor?: Executor): Promise<JobEnd | Stopped> {
    this.#executor ??= executor
    const begin = this.#room.edges.clock.monotonic()
    for (let refusals = 0; ; ) {
      if (watch === undefined) {
        this.#enter('preparing')
        const started = await this.#start()
        if (!started.ok) {
          const { failure } = started
          if (this.#room.over.aborted) return 'left'
          if (this.#drop.signal.aborted) return 'dropped'
          if (this.#abort.signal.aborted)
            return this.#abort.signal.reason === 'lease-lost'
              ? this.#endUnstarted('failed', 'lease-lost', leaseLost)
              : this.#endUnstarted('aborted', 'aborted', null)
          // One that went away in the middle of it is away, whatever it did not do.
          const away =
            engineAway.includes(failure.reason as never) ||
            (mayPass.includes(failure.reason) && !(await this.#room.host.isWell()))
          if (!away) refusals++
          const waited = this.#room.edges.clock.monotonic() - begin
          if (!mayPass.includes(failure.reason) || refusals >= mostRefusals || waited > patience.engine)
            return this.#endUnstarted('failed', failure.reason, failure.message)
          await this.#waitFor(failure, refusals, away)
          continue
        }
        ;({ watch, executor } = started.value)
      }
      this.#enter('running')
      this.#watch = watch
      if (this.#abort.signal.aborted || this.#drop.signal.aborted) watch.abort(this.#abort.signal.reason)
      const watched = await watch.ended
      this.#watch = undefined
      if (watched.state === 'ended') {
        this.#release(executor)
        return this.#drop.signal.aborted ? 'dropped' : watched.end
      }
      if (watched.state === 'detached') return 'left'
      // Not started, it seems: that is certain once its container is dead.
      const again = await this.#endExecutor(executor)
      if (again !== undefined) {
        watch = again
        continue
      }
      this.#executor = undefined
      executor = undefined
      watch = undefined
      this.#confirmed = false
      // Elsewhere, while the lease lives.
      if (!(await this.#confirm())) return this.#room.over.aborted ? 'left' : 'dropped'
      if (++refusals >= mostRefusals) return this.#endUnstarted('failed', 'executor-lost', watched.message)
    }
  }

  /** Gets a place for it, and gives the order. */
  async #start(): Promise<Result<{ watch: JobWatch; executor: Executor }, StartFailure>> {
    const placed = await this.#placing.place(this.#stopOrAbort())
    if (!placed.ok) return placed
    const { executor } = placed.value
    const started = startPlaced(placed.value, this.watchOptions(false))
    if (started.ok) return ok({ watch: started.value, executor })
    this.#executor = undefined
    // No order was given.
    try {
      this.execution.clearPlace()
    } catch {
      // Then it is found that nothing has started there.
    }
    void this.#room.host.workshop?.pool.discard(executor)
    return started
  }

  #stopOrAbort(): AbortSignal {
    return AbortSignal.any([this.#stop, this.#abort.signal])
  }

  /** What a watch of it tells, and whom. `resumed`: an earlier process has watched it before. */
  watchOptions(resumed: boolean): WatchOptions {
    const { edges, diskLimit, emit } = this.#room
    // A character may come in two pieces.
    const decoder = this.kind === 'script' ? new TextDecoder() : undefined
    return {
      ...{ edges, diskLimit, resumed, clockOffset: () => this.#room.clockOffset() },
      onLog: (bytes, offset) => {
        if (decoder !== undefined)
          emit({ event: 'script:output', ...this.ref, text: decoder.decode(bytes, { stream: true }) })
        return this.#delivery.log(resumed).take(bytes, offset)
      },
      onStarted: () => {
        if (!resumed) emit({ event: 'job:started', ...this.ref })
      },
      onStuck: (message, seconds) => emit({ event: 'job:waits', ...this.ref, message, seconds }),
    }
  }

  /** Why it did not get an executor is told; the next try waits for what may mend it. */
  async #waitFor(failure: StartFailure, refusals: number, away: boolean): Promise<void> {
    const { edges, host, emit } = this.#room
    const seconds = away ? 30 : waitAfter(refusals + 1, edges.chance.random())
    emit({ event: 'job:waits', ...this.ref, message: failure.message, seconds })
    const stop = this.#stopOrAbort()
    if (!away) return pause(edges.clock, seconds, this.#room.back, stop)
    host.suspect(failure.message)
    const until = edges.clock.monotonic() + seconds
    while (host.problem !== undefined && edges.clock.monotonic() < until && !stop.aborted)
      await pause(edges.clock, 1, this.#room.changed, stop)
  }

  /**
   * Kills the container of a job that seems not to have started. Resolves to a watch where it has, after all; else
   * nothing is left of it, and it may be started elsewhere.
   */
  async #endExecutor(executor: Executor | undefined): Promise<JobWatch | undefined> {
    const { edges, host, over } = this.#room
    for (let failures = 0; executor?.lives(); ) {
      const killed = await executor.kill()
      if (killed.ok) break
      host.suspect(killed.failure.message)
      await edges.clock.sleep(waitAfter(++failures, edges.chance.random()), over)
      if (over.aborted) return undefined
    }
    const again = adoptJob(this.execution, executor, this.watchOptions(true))
    if (again.ok) {
      const watched = await again.value.ended
      if (watched.state !== 'not-started') return again.value
    }
    try {
      this.execution.clearPlace()
    } catch {
      // The next process finds that it has not started.
    }
    if (executor !== undefined) void host.workshop?.pool.discard(executor)
    return undefined
  }

  /** Its executor may have another job. */
  #release(executor: Executor | undefined): void {
    this.#executor = undefined
    this.#tidied = this.#clean(executor)
  }

  /** Makes the end last and has the executor looked over; the result goes first, as this takes disk and processors. */
  async #clean(executor: Executor | undefined): Promise<void> {
    const { clock } = this.#room.edges
    const over = new AbortController()
    const { answered } = this.#delivery
    const isThere = await Promise.race([answered, clock.sleep(patience.clean, over.signal).then(() => false)])
    over.abort()
    if (executor !== undefined) this.#room.host.workshop?.pool.giveBack(executor)
    // What the server has need not last here.
    if (!isThere) await this.execution.tidy()
  }

  #tellPull() {
    const { emit, edges } = this.#room
    let told = 0
    return (progress: {
      image: string
      layers: number
      layers_done: number
      bytes: number
      bytes_known: number
    }) => {
      const now = edges.clock.monotonic()
      if (told !== 0 && now < told + 10) return
      told = now
      emit({ event: 'image:pull', ...this.ref, ...progress })
    }
  }

  /** An end without a start. */
  async #endUnstarted(
    outcome: JobEnd['outcome'],
    reason: EndReason,
    error_message: string | null,
  ): Promise<JobEnd> {
    const { clock } = this.#room.edges
    const now = clock.now().toISOString()
    const end: JobEnd = {
      ...{ outcome, exit_code: null, reason, error_message, output: null, started_at: now, finished_at: now },
      ...{ log_length: 0, log_sha256: createHash('sha256').digest('hex') },
      clock_offset: this.#room.clockOffset(),
    }
    for (;;) {
      try {
        this.execution.writeEnd(end)
        this.#tidied = this.#clean(undefined)
        return end
      } catch {
        // A full disk: the result is known as long as this process lives.
        await clock.sleep(1, this.#room.over)
        if (this.#room.over.aborted) return end
      }
    }
  }
}
