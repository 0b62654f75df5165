/*
 * One job in a pod, watched by one process of a runner.
 *
 *   waiting ── its container runs ──► running ── its container has ended ──► ended ── its log is copied ──►
 * whole
 *      └── it cannot start, or was asked to end ──► never
 */
import { writeFileSync } from 'node:fs'
import type { Clock } from '../../../edges.ts'
import { fail, ok, type Result } from '../../../result.ts'
import { aborted } from '../../../system/wait.ts'
import type { Failure, JobExit, JobHandle, JobState, SlotRef } from '../executor.ts'
import type { ClusterApi } from './api.ts'
import { exitOf, type StopWhy, seenStartOf } from './job-exit.ts'
import { KubernetesKept } from './kept.ts'
import { copyLog } from './log-copy.ts'
import { type KubernetesPlace, objectName } from './names.ts'
import { containerIdOf, type PodState, podStateOf, type WaitKind } from './pod-state.ts'
import type { PodWatch } from './pod-watch.ts'
import { stopPod } from './stop-pod.ts'

/** Seconds that a pod may wait for each thing. */
const waitLimits: Record<WaitKind, number> = { node: 300, image: 60, name: 0, container: 600, refused: 30 }
/** Seconds after which a pod that was to be gone is taken for one of a lost node. */
const nodeLostAfter = 60

export interface HandleOptions {
  api: ClusterApi
  pods: PodWatch
  clock: Clock
  state: JobState
  place: KubernetesPlace
  keptDir: string
  /** Undefined: nothing is left of the slot. */
  slot: SlotRef | undefined
  /** Called when the slot takes no other job. */
  onOver?: (() => void) | undefined
}

export class KubernetesHandle extends KubernetesKept implements JobHandle {
  readonly state: JobState
  readonly slot: SlotRef | undefined
  readonly started: Promise<Date | 'never'>
  readonly exited: Promise<JobExit>
  neverBecause: Failure | undefined
  waiting: string | undefined
  readonly #options: HandleOptions
  readonly #pod: string
  readonly #started = Promise.withResolvers<Date | 'never'>()
  readonly #exited = Promise.withResolvers<JobExit>()
  readonly #whole = Promise.withResolvers<void>()
  /** Aborts when the job has ended, or is watched no more. */
  readonly #ended = new AbortController()
  #startedAt: Date | undefined
  #asked: StopWhy | undefined
  #isWhole = false

  constructor(options: HandleOptions) {
    super(options.keptDir, options.clock)
    this.#options = options
    this.state = options.state
    this.slot = options.slot
    this.#pod = objectName(options.place.slot_id)
    this.started = this.#started.promise
    this.exited = this.#exited.promise
    // Without this an exception in it would let callers wait for the job for ever.
    this.#live().catch(error => {
      this.#started.reject(error)
      this.#exited.reject(error)
    })
  }

  protected override get isLogWhole(): boolean {
    return this.#isWhole
  }

  async output(): Promise<Result<undefined, Failure>> {
    return ok(undefined)
  }

  stop(why: 'aborted' | 'lease-lost'): void {
    this.#ask(why)
  }

  async keep(): Promise<Result<void, Failure>> {
    await Promise.race([this.#whole.promise, aborted(this.over.signal)])
    if (this.#isWhole) return ok(undefined)
    return fail({ reason: 'spool-lost', message: 'its log is not whole yet', retry: 'soon' })
  }

  detach(): void {
    this.over.abort()
    this.#ended.abort()
  }

  async #live(): Promise<void> {
    const exit = this.records.exit
    if (exit === undefined && this.records.read('started') === undefined) return this.#never(undefined)
    if (exit !== undefined && this.records.read('whole') !== undefined) {
      this.#started.resolve(exit.startedAt)
      this.#exited.resolve(exit)
      return this.#complete()
    }
    using _watching = this.#options.pods.begin(this.#pod)
    if (exit !== undefined) this.#end(exit)
    else {
      const asked = this.records.read('stop')
      if (asked !== undefined) this.#ask(asked as StopWhy)
      await this.#watch()
    }
    if (this.#startedAt !== undefined) await this.#copied
  }

  /** Watches the pod until its job has ended, or never will start. */
  async #watch(): Promise<void> {
    const { pods, clock } = this.#options
    const { signal } = this.over
    const limits = new Map<string, number>()
    /** Seconds that a state may last, from when it was seen first. */
    const left = (what: string, seconds: number) => {
      const until = limits.get(what) ?? clock.monotonic() + seconds
      limits.set(what, until)
      return until - clock.monotonic()
    }
    while (!signal.aborted) {
      const over = new AbortController()
      const changed = Promise.race([pods.changed.notified, aborted(signal, over.signal)])
      const longest = this.#look(left)
      if (longest === 'over') return over.abort()
      await Promise.race([changed, clock.sleep(longest, over.signal)])
      over.abort()
    }
  }

  /** Looks at the pod; gives the seconds until another look is due. */
  #look(left: (what: string, seconds: number) => number): number | 'over' {
    const { pods, clock, place } = this.#options
    const seen = pods.seen(this.#pod)
    if (seen === undefined) return Number.POSITIVE_INFINITY
    const state = podStateOf(seen.pod)
    const startedAt = seenStartOf(state, clock.now())
    if (state.at === 'ended' && state.end === 'not-startable') return this.#refuse(state, startedAt)
    this.#start(startedAt)
    if (state.at === 'ended' || seen.gone) {
      if (this.#startedAt === undefined) this.#never(whyNever(state))
      else this.#end(exitOf({ state, startedAt: this.#startedAt, stop: this.#asked, now: clock.now() }))
      return 'over'
    }
    let longest = Number.POSITIVE_INFINITY
    if (seen.pod.metadata.deletionTimestamp !== undefined) {
      longest = left('deleted', Math.ceil(place.grace) + nodeLostAfter)
      if (longest <= 0 && this.#startedAt !== undefined) {
        const message = 'its pod was deleted, and its node does not say that it has ended: the node is lost'
        this.#end({ by: 'node-lost', message, startedAt: this.#startedAt, at: clock.now() })
        return 'over'
      }
    }
    this.waiting = state.at === 'waiting' ? state.message : undefined
    if (state.at === 'waiting') {
      const wait = left(state.kind, waitLimits[state.kind])
      if (wait <= 0) {
        this.neverBecause ??= whyNever(state)
        this.#stopPod()
        return Number.POSITIVE_INFINITY
      }
      longest = Math.min(longest, wait)
    }
    return longest
  }

  /** The container was seen to have started. */
  #start(at: Date | undefined): void {
    if (at === undefined || this.#startedAt !== undefined) return
    const { api, clock, place } = this.#options
    this.#startedAt = at
    this.#started.resolve(at)
    // The container has its environment.
    void api.remove(`secrets/${this.#pod}`)
    // The node says whole seconds, so a job that was found may get one more.
    const ran = Math.max(0, (clock.now().getTime() - at.getTime()) / 1000 - 1)
    if (place.limit > 0)
      void clock.sleep(place.limit - ran, this.#ended.signal).then(() => this.#ask('limit'))
    this.#copy()
  }

  #copied: Promise<void> | undefined

  #copy(): void {
    const { api, pods, clock } = this.#options
    const copied = copyLog({
      api,
      pod: this.#pod,
      records: this.records,
      clock,
      hasEnded: () => this.#ended.signal.aborted,
      containerId: () => containerIdOf(pods.seen(this.#pod)?.pod),
      isGoing: () => pods.seen(this.#pod)?.pod.metadata.deletionTimestamp !== undefined,
      isGone: () => pods.seen(this.#pod)?.gone !== false,
      changed: pods.changed,
      onGrown: () => this.changed.notify(),
      signal: this.over.signal,
    })
    this.#copied = copied.then(whole => {
      if (!whole) return
      this.#note(() => this.records.write('whole', ''))
      this.#complete()
    })
  }

  #complete(): void {
    this.#isWhole = true
    this.#whole.resolve()
    this.changed.notify()
  }

  /** The container could not start its program: there is no log but what the node says of that. */
  #refuse(state: PodState & { at: 'ended' }, startedAt = this.clock.now()): 'over' {
    const now = this.clock.now()
    this.#startedAt = startedAt
    this.#note(() => {
      writeFileSync(this.records.log, `runner: ${state.message}\n`, { mode: 0o600 })
      this.records.write('whole', '')
    })
    this.#started.resolve(startedAt)
    this.#end(exitOf({ state, startedAt, stop: this.#asked, now }))
    this.#complete()
    return 'over'
  }

  #end(exit: JobExit): void {
    if (this.records.exit === undefined) this.#note(() => this.records.write('exit', JSON.stringify(exit)))
    this.#start(exit.startedAt)
    this.#ended.abort()
    this.#options.onOver?.()
    this.#exited.resolve(exit)
    this.#options.pods.changed.notify()
  }

  /** Puts something on record that the next process finds in the cluster where that fails. */
  #note(write: () => void): void {
    try {
      write()
    } catch {
      // The disk is full, or the files are being removed.
    }
  }

  #never(because: Failure | undefined): void {
    this.neverBecause ??= because
    this.#ended.abort()
    this.#options.onOver?.()
    this.#complete()
    this.#started.resolve('never')
  }

  #ask(why: StopWhy): void {
    if (this.#asked !== undefined || this.#ended.signal.aborted) return
    this.#asked = why
    this.#note(() => this.records.write('stop', why))
    this.#stopPod()
  }

  #stopPod(): void {
    const { api, pods, place, clock } = this.#options
    const seen = pods.seen(this.#pod)
    const runs = seen !== undefined && podStateOf(seen.pod).at === 'running'
    void stopPod({ api, pod: this.#pod, place, runs, clock, over: this.#ended.signal })
  }
}

/** Why a job has not started, of what its pod said last. */
function whyNever(state: PodState): Failure | undefined {
  if (state.at === 'running') return undefined
  const { message } = state
  if (state.at !== 'waiting') return { reason: 'executor-not-started', message, retry: 'soon' }
  // Another pod would wait for the same.
  const isFinal = state.kind === 'node' || state.kind === 'image' || state.kind === 'name'
  return { reason: state.reason, message, retry: isFinal ? 'never' : 'soon' }
}
