/*
 * One job in its container, watched by the files of its exchange directory until no process of it lives any
 * more.
 *
 *   ordered ── `started` ──► running ── `exit` ───────────────────────► over ── keep ──► kept
 *     │  │                      └────── the container is dead ────────────┘
 *     │  └── `exit` ──────────────────────────────────────────────────────┘
 *     └── the container is dead, its files untouched ──► never
 *
 *   any of these ── detach ──► detached
 */
import { closeSync, openSync } from 'node:fs'
import type { Edges } from '../../../edges.ts'
import { defined, errorCode, errorText, fail, ok, type Result } from '../../../result.ts'
import { waitAfter } from '../../../system/backoff.ts'
import { Notifier } from '../../../system/wait.ts'
import type { Failure, JobExit, JobHandle, JobState, SlotRef } from '../executor.ts'
import { type ExchangeDir, fileFailureText } from '../handover/exchange-dir.ts'
import { readLog, sizeOf } from '../read-log.ts'
import type { Container } from './container.ts'
import { howItEnded } from './job-end.ts'
import { type ExitFile, JobFiles } from './job-files.ts'
import { JobGuard } from './job-guard.ts'
import { type JobStart, type Span, timesOf } from './job-times.ts'
import { type DockerKeptFiles, reopen } from './kept-files.ts'
import { type DockerPlace, stateOf } from './state.ts'

/** Seconds in which a supervisor that lives must have started a job. */
const startTimeout = 10
/**
 * Seconds between two looks at the files, if the system does not tell of changes, and at the life of the
 * container.
 */
const looks = { files: 0.5, life: 1 }

export interface DockerJobOptions {
  place: DockerPlace
  /** Undefined if neither the container nor its directory is left. */
  container: Container | undefined
  exchange: ExchangeDir
  /** The open log; undefined: there is none. */
  log: number | undefined
  kept: DockerKeptFiles
  /** Bytes that the job may have on disk. */
  diskLimit: number
  edges: Edges
  /** An earlier process has watched the job: its files alone tell when it started. */
  resumed: boolean
  /** Called with the reason why the engine did not kill a container; that is repeated. */
  onProblem(message: string): void
}

type Life =
  | { state: 'ordered' }
  | ({ state: 'running' } & JobStart)
  /** No process writes to the files of the job any more. */
  | { state: 'over' }
  | { state: 'kept' }
  | { state: 'never' }
  | { state: 'detached' }

export class DockerJob implements JobHandle {
  readonly state: JobState
  readonly started: Promise<Date | 'never'>
  readonly exited: Promise<JobExit>
  readonly #options: DockerJobOptions
  readonly #start = Promise.withResolvers<Date | 'never'>()
  readonly #exit = Promise.withResolvers<JobExit>()
  /** Notified when the files of the job may have changed, and when `#life` has. */
  readonly #changed = new Notifier()
  readonly #detach = new AbortController()
  readonly #log: number
  readonly #files: JobFiles
  readonly #guard: JobGuard
  #life: Life = { state: 'ordered' }

  constructor(options: DockerJobOptions) {
    this.#options = options
    this.state = stateOf(options.place)
    this.#log = options.log ?? openSync('/dev/null', 'r')
    this.started = this.#start.promise
    this.exited = this.#exit.promise
    this.#files = new JobFiles(options.exchange, options.place.nonce)
    this.#guard = new JobGuard({
      ...options,
      clock: options.edges.clock,
      seenRunning: () => (this.#life.state === 'running' ? this.#life.seen.by : undefined),
    })
    const watched = this.#watch()
    // Without this an exception in it would let callers wait for the job for ever.
    watched.catch(error => {
      this.#start.reject(error)
      this.#exit.reject(error)
    })
  }

  get slot(): SlotRef | undefined {
    return this.#options.container?.ref
  }

  stop(why: 'aborted' | 'lease-lost'): void {
    if (this.#guard.stop(why)) this.#changed.notify()
  }

  detach(): void {
    const { state } = this.#life
    this.#detach.abort()
    if (state === 'over') this.#close()
    if (state !== 'kept') this.#enter({ state: 'detached' })
  }

  async *log(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { kept, edges } = this.#options
    const { state } = this.#life
    const both = AbortSignal.any([signal, this.#detach.signal])
    if (state === 'kept') return yield* kept.log(from, both)
    if (state === 'detached' || state === 'never') return
    yield* readLog(reopen(this.#log), {
      from,
      isWhole: () => this.#isOver,
      changed: this.#changed,
      clock: edges.clock,
      signal: both,
    })
  }

  async logLength(): Promise<number> {
    while (!this.#isOver && !this.#detach.signal.aborted) await this.#changed.notified
    return this.#life.state === 'over' ? sizeOf(this.#log) : this.#options.kept.logLength()
  }

  async output(max: number): Promise<Result<Uint8Array | undefined, Failure>> {
    const file = this.#options.exchange.read('output', max)
    if (file.ok) return ok(file.value.bytes)
    if (file.failure.reason === 'missing') return ok(undefined)
    const message = `its output cannot be taken: ${fileFailureText(file.failure, 'output', max)}`
    return fail({ reason: 'lost', message, retry: 'never' })
  }

  async keep(): Promise<Result<void, Failure>> {
    if (this.#life.state !== 'over') return ok(undefined)
    try {
      this.#takeAway()
    } catch (error) {
      return fail({ reason: 'spool-lost', message: errorText(error), retry: 'soon' })
    }
    this.#close()
    this.#enter({ state: 'kept' })
    return ok(undefined)
  }

  trim(): Promise<Result<void, Failure>> {
    return this.#options.kept.trim()
  }

  discard(): Promise<Result<void, Failure>> {
    return this.#options.kept.discard()
  }

  get #isOver(): boolean {
    return this.#life.state === 'over' || this.#life.state === 'kept' || this.#life.state === 'never'
  }

  #enter(life: Life): void {
    this.#life = life
    this.#changed.notify()
  }

  #close(): void {
    closeSync(this.#log)
    this.#options.exchange[Symbol.dispose]()
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options.edges
    using _ears = this.#files.listen(() => this.#changed.notify())
    await using guard = this.#guard.watch(this.#detach.signal)
    const begun = clock.monotonic()
    // A file that is missing at one look and there at the next was made in between.
    let before = this.#options.resumed ? Number.NEGATIVE_INFINITY : begun
    let nextLife = begun + looks.life
    // A container that does not start its job in time is killed; the next look then finds it dead.
    let timeout = begun + startTimeout
    for (;;) {
      const woken = this.#changed.notified
      if (this.#detach.signal.aborted) return this.#close()
      const looked = clock.monotonic()
      let exit = this.#look(before)
      let end: Span = { after: before, by: clock.monotonic() }
      before = looked
      const now = clock.monotonic()
      let dead = false
      if (exit === undefined && (now >= nextLife || this.#life.state === 'ordered')) {
        nextLife = now + looks.life
        if (this.#options.container?.orders.areHeard() !== true) {
          // The supervisor may have written `exit` between the two looks.
          exit = this.#look(before)
          end = { after: before, by: clock.monotonic() }
          dead = exit === undefined
        }
      }
      if (exit !== undefined || dead) {
        if (exit === undefined && this.#life.state === 'ordered' && this.#files.untouched) {
          this.#close()
          this.#enter({ state: 'never' })
          return this.#start.resolve('never')
        }
        guard.stop()
        return this.#end(exit, end)
      }
      if (this.#life.state === 'ordered' && now >= timeout && this.#files.untouched) {
        timeout = Number.POSITIVE_INFINITY
        await this.#killContainer()
        continue
      }
      const over = new AbortController()
      await Promise.race([woken, clock.sleep(looks.files, over.signal)])
      over.abort()
    }
  }

  /** Kills the container, so that a job which seems not to have started is certain not to start. */
  async #killContainer(): Promise<void> {
    const { container, edges, onProblem } = this.#options
    for (let failures = 0; container?.orders.areHeard() && !this.#detach.signal.aborted; ) {
      const killed = await container.engineSide.kill()
      if (killed.ok) return
      onProblem(killed.failure.message)
      await edges.clock.sleep(waitAfter(++failures, edges.chance.random()), this.#detach.signal)
    }
  }

  /** The exit of the job, if it has ended. Notes its start, which had not been seen at the time `before`. */
  #look(before: number): ExitFile | undefined {
    // `exit` is read first: a job that has ended has certainly a `started`.
    const exit = this.#files.exit()
    if (this.#life.state !== 'ordered') return exit
    const at = this.#files.started()
    if (at === undefined) return exit
    // A recovered job started earlier than it is seen here. The time of its file is better, but the clock may
    // have been set since, so both are kept.
    const seen = { after: before, by: this.#options.edges.clock.monotonic() }
    this.#life = { state: 'running', at, seen }
    this.#start.resolve(at)
    return exit
  }

  async #end(exit: ExitFile | undefined, end: Span): Promise<void> {
    const start = this.#life.state === 'running' ? this.#life : undefined
    const times = timesOf(start, exit?.at ?? this.#options.edges.clock.now(), end)
    this.#start.resolve(times.startedAt)
    this.#enter({ state: 'over' })
    this.#options.container?.note(exit?.facts.plugin)
    const how = await howItEnded({
      facts: exit?.facts,
      since: start?.at ?? times.at,
      diskExceeded: this.#guard.diskExceeded,
      engineSide: this.#options.container?.engineSide,
    })
    if (this.#detach.signal.aborted) return
    this.#exit.resolve({ ...times, ...how, ...defined({ resources: exit?.facts.used }) })
  }

  /**
   * Moves the exchange directory into the spool, or parks it in the work directory if the spool is on another
   * disk. Throws system errors.
   */
  #takeAway(): void {
    const { container, exchange, kept, place } = this.#options
    const take = () => container?.jobs.take(place.job_id, exchange.identity, kept.path)
    try {
      take()
    } catch (error) {
      if (errorCode(error) === 'EXDEV' && container !== undefined) {
        kept.park(container.jobs.parking(place.job_id))
        take()
      }
      // Otherwise an earlier process has moved the directory, or the job has.
    }
    if (!kept.isThere) kept.copyLog(this.#log)
  }
}
