/*
 * One execution, from its reservation to its acknowledged result; assignment-state.ts shows its phases.
 *
 * While it is confirmed it is already placed where an idle slot has its image (placement.ts); only the start
 * waits. All that is known of it is in the spool before anything follows from it, so a process that is killed
 * anywhere here leaves what the next one needs.
 */
import type { Result } from '../../result.ts'
import type { RunnerContext } from '../context.ts'
import type { JobRef } from '../events.ts'
import type { Failure, JobHandle, SlotRef } from '../executors/executor.ts'
import { AssignmentState, type Beginning, type Phase } from './assignment-state.ts'
import { CleanUp } from './clean-up.ts'
import { confirm } from './confirm.ts'
import { Delivery } from './delivery.ts'
import { startPlaced } from './handover.ts'
import type { JobEnd, Lease } from './job.ts'
import { Placement } from './placement.ts'
import { type EndReason, leaseLost } from './plugin-contract.ts'
import { pullReporter } from './pull-reporter.ts'
import type { SpooledExecution } from './spooled-execution.ts'
import { StartRetries } from './start-retries.ts'
import { recordEnd, unstarted } from './unstarted.ts'
import { JobWatch, type WatchOptions } from './watch.ts'

/** Why a job gets no further; `dropped` and `left` are not failures of its own. */
type Stopped = 'dropped' | 'left'

export class Assignment {
  readonly execution: SpooledExecution
  readonly ref: JobRef
  readonly kind: string
  /** Settles when this process has no more to do with it; rejects for bugs only. */
  readonly over: Promise<void>
  readonly #context: RunnerContext
  #lease: Lease
  readonly #state: AssignmentState
  readonly #placement: Placement
  /** Its log and its result, on their way to the server. */
  readonly #delivery: Delivery
  /** It runs beside the delivery. */
  readonly #cleanUp: CleanUp
  /** Asked to end; the result says so. */
  readonly #abort = new AbortController()
  /** Not this runner's any more: nobody wants the result. */
  readonly #drop = new AbortController()
  #confirmingAgain: Promise<unknown> | undefined
  /** The signal that ends all waiting: this process ends, or nobody wants the job any more. */
  readonly #stop: AbortSignal

  constructor(execution: SpooledExecution, lease: Lease, beginning: Beginning, context: RunnerContext) {
    this.execution = execution
    this.#lease = lease
    this.#context = context
    this.kind = execution.job.kind
    const { execution_id, image } = execution.job
    this.ref = { execution_id, image, job_name: lease.job_name }
    this.#stop = AbortSignal.any([context.over, this.#drop.signal])
    const kept = () => execution.state && context.host.backend.kept(execution.state, execution.directory)
    this.#state = new AssignmentState(beginning, kept, context.changed)
    this.#delivery = new Delivery({
      context,
      execution,
      ref: this.ref,
      stop: this.#stop,
      leaseId: () => this.#lease.lease_id,
      files: () => this.#state.files,
      drop: message => this.drop(message),
    })
    this.#cleanUp = new CleanUp(context, execution, this.#delivery.answered)
    this.#placement = new Placement({
      startable: context.host,
      edges: context.edges,
      execution,
      onPull: pullReporter(context, this.ref, text => this.#waits(text)),
      onSlot: slot => this.#have(slot?.ref),
    })
    this.over = this.#live(beginning).finally(() => this.#state.end())
  }

  get id(): string {
    return this.execution.id
  }

  get phase(): Phase {
    return this.#state.phase
  }

  /** Whether it is this runner's, as far as it knows. */
  get isHeld(): boolean {
    return this.#state.isConfirmed && !this.#drop.signal.aborted
  }

  /** On the monotonic clock; before all time where an earlier process did that, or none did. */
  get confirmedAt(): number {
    return this.#state.confirmedAt
  }

  /** Whether it takes a slot of the capacity. */
  get takesSlot(): boolean {
    return this.#state.takesSlot
  }

  /** Whether it has a slot of its own. */
  get hasSlot(): boolean {
    return this.#state.slot !== undefined
  }

  /** Why it has not been started yet; undefined where it has, or nothing is known. */
  get notStarted(): string | undefined {
    return this.#state.notStarted
  }

  /** Asks it to end. Twice is once. */
  abort(why: 'aborted' | 'lease-lost' = 'aborted'): void {
    if (this.#abort.signal.aborted || !this.takesSlot) return
    this.#abort.abort(why)
    this.#state.watch?.abort(why)
  }

  /** It is not this runner's any more: ends it, and forgets it. */
  drop(message: string): void {
    if (this.#drop.signal.aborted || this.phase === 'over') return
    // A heartbeat that was under way may list it still.
    if (!this.#delivery.isDone) this.#context.emit({ event: 'job:dropped', ...this.ref, message })
    this.#drop.abort()
    this.#state.watch?.abort()
    this.#context.changed.notify()
  }

  /** Ends it with its slot at once, without grace; resolves when the slot is gone. */
  async kill(): Promise<void> {
    this.drop('this runner was deleted')
    const { slot } = this.#state
    if (slot !== undefined) await this.#context.host.backend.close(slot)
  }

  /** Watches it no more; it runs on. */
  detach(): void {
    this.#state.watch?.detach()
  }

  /**
   * The server hands the same execution out again, under another lease: a store that was restored, for
   * example.
   */
  renew(lease: Lease): void {
    // The lease of a runner stays the same: only the store may have forgotten that it was confirmed.
    if (lease.lease_id === this.#lease.lease_id) this.confirmAgain()
    else this.#take(lease)
  }

  #take(lease: Lease): void {
    this.#lease = lease
    try {
      this.execution.writeLease(lease)
    } catch {
      // This process has it; the next one asks the server.
    }
    if (this.#state.isConfirmed) void this.#confirm()
  }

  /** The server asks whether it is this runner's. Twice, before it has the answer, is once. */
  confirmAgain(): void {
    if (!this.isHeld || this.#confirmingAgain !== undefined) return
    this.#confirmingAgain = this.#confirm().finally(() => {
      this.#confirmingAgain = undefined
    })
  }

  /** It cannot be started yet: the server is told at once where that is new, else by the next heartbeat. */
  #waits(why: string): void {
    const isNew = this.#state.notStarted === undefined
    this.#state.waits(why)
    if (isNew) this.#context.beat()
  }

  #have(slot: SlotRef | undefined): void {
    if (slot !== undefined) this.#context.imageNames.set(slot.key, this.ref.image)
    this.#state.have(slot)
  }

  async #live(beginning: Beginning): Promise<void> {
    // Yields once so that the caller can register this assignment before any event fires.
    await Promise.resolve()
    if (beginning.at === 'confirming') {
      this.#placement.begin(this.#stopOrAbort())
      if (!(await this.#confirm())) {
        await this.#placement.undo()
        // Whether the server has heard of it is for the next process to ask.
        return this.#drop.signal.aborted ? this.#cleanUp.forget(undefined) : undefined
      }
    }
    let end = beginning.at === 'delivering' ? this.execution.end : undefined
    if (end === undefined) {
      const done = await this.#runFrom(beginning)
      if (done === 'left') return
      if (done === 'dropped') return this.#cleanUp.forget(this.#state.files)
      end = done
      const { outcome, exit_code, reason, error_message } = end
      this.#context.emit({ event: 'job:ended', ...this.ref, outcome, exit_code, reason, error_message })
    }
    const { files } = this.#state
    this.#state.deliver(files)
    if ((await this.#delivery.deliver(end)) || this.#drop.signal.aborted) await this.#cleanUp.forget(files)
  }

  #runFrom(beginning: Beginning): Promise<JobEnd | Stopped> {
    switch (beginning.at) {
      case 'lost':
        return this.#endUnstarted('failed', 'executor-lost', `${beginning.message}; it may have run`)
      case 'running':
        return this.#run(beginning.handle)
      default:
        return this.#run(undefined)
    }
  }

  /** Takes it, in the eyes of the server. False: it is not held any more. */
  async #confirm(): Promise<boolean> {
    const confirmed = await confirm({
      context: this.#context,
      execution_id: this.id,
      leaseId: () => this.#lease.lease_id,
      stop: this.#stop,
    })
    if (confirmed.ok) this.#state.confirmed(confirmed.value)
    else if (confirmed.failure.reason === 'refused')
      this.drop(`it was not confirmed: ${confirmed.failure.message}`)
    return confirmed.ok
  }

  /** Runs it, here or where it was begun; resolves to its end. */
  async #run(begun: JobHandle | undefined): Promise<JobEnd | Stopped> {
    const retries = new StartRetries(this.#context, this.ref, why => this.#waits(why))
    let handle = begun
    for (;;) {
      if (handle === undefined) {
        const started = await this.#start()
        if (!started.ok) {
          const { failure } = started
          const stopped = this.#stopped()
          if (stopped !== undefined) return stopped
          if (await retries.again(failure, this.#stopOrAbort())) continue
          return this.#endUnstarted('failed', failure.reason, failure.message)
        }
        handle = started.value
      }
      const watched = await this.#watch(handle, handle === begun)
      if (watched.state === 'ended') {
        // From now on its slot may have another job.
        this.#state.deliver(handle)
        this.#cleanUp.begin(handle.slot, handle)
        return this.#drop.signal.aborted ? 'dropped' : watched.end
      }
      if (watched.state === 'detached') return 'left'
      this.#leave(handle.slot)
      handle = undefined
      // Elsewhere, while the lease lives.
      this.#state.confirmAgain()
      if (!(await this.#confirm())) return this.#context.over.aborted ? 'left' : 'dropped'
      const { because } = watched
      if (because === undefined) {
        if (!retries.afterLoss()) return this.#endUnstarted('failed', 'executor-lost', watched.message)
      } else if (!this.#abort.signal.aborted && !(await retries.again(because, this.#stopOrAbort())))
        return this.#endUnstarted('failed', because.reason, because.message)
    }
  }

  /** The consequence if the job is to end before it has started; undefined: it is not to end. */
  #stopped(): Promise<JobEnd> | Stopped | undefined {
    if (this.#context.over.aborted) return 'left'
    if (this.#drop.signal.aborted) return 'dropped'
    if (!this.#abort.signal.aborted) return undefined
    return this.#abort.signal.reason === 'lease-lost'
      ? this.#endUnstarted('failed', 'lease-lost', leaseLost)
      : this.#endUnstarted('aborted', 'aborted', null)
  }

  /** Gets a slot for it, and starts it there. */
  async #start(): Promise<Result<JobHandle, Failure>> {
    const placed = await this.#placement.place(this.#stopOrAbort())
    if (!placed.ok) return placed
    // An attempt that is lost soon must not take the digest with it.
    if (this.execution.imageDigest !== undefined) this.#context.beat()
    const started = await startPlaced(placed.value)
    if (started.ok) return started
    this.#leave(placed.value.slot.ref)
    return started
  }

  /** It has not started in that slot and never will: the slot goes. */
  #leave(slot: SlotRef | undefined): void {
    this.#have(undefined)
    try {
      this.execution.clearPlace()
    } catch {
      // The next process finds that it has not started.
    }
    if (slot !== undefined) void this.#context.host.runtime?.pool.discard(slot)
  }

  /** Watches it to its end. `resumed`: an earlier process has watched it before. */
  #watch(handle: JobHandle, resumed: boolean) {
    if (resumed) this.#have(handle.slot)
    const watch = new JobWatch(this.execution, handle, this.#watchOptions(resumed))
    const { notStarted } = this.#state
    this.#state.run(handle, watch)
    if (notStarted !== undefined) this.#context.beat()
    if (this.#abort.signal.aborted || this.#drop.signal.aborted) watch.abort(this.#abort.signal.reason)
    // The end of this process came while the job was being started.
    if (this.#context.over.aborted) watch.detach()
    return watch.ended
  }

  #watchOptions(resumed: boolean): WatchOptions {
    const { edges, emit } = this.#context
    // A character may come in two pieces.
    const decoder = this.kind === 'script' ? new TextDecoder() : undefined
    return {
      edges,
      clockOffset: () => this.#context.clockOffset(),
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

  #stopOrAbort(): AbortSignal {
    return AbortSignal.any([this.#stop, this.#abort.signal])
  }

  /** An end without a start. */
  async #endUnstarted(
    outcome: JobEnd['outcome'],
    reason: EndReason,
    error_message: string | null,
  ): Promise<JobEnd> {
    const end = unstarted({ outcome, reason, error_message }, this.#context)
    if (await recordEnd(this.execution, end, this.#context)) this.#cleanUp.begin()
    return end
  }
}
