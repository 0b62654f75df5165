/*
 * One execution in its executor: watched, and brought to its end. All that is known of it is on disk before anything
 * follows from it, so another process can take it up at any moment (`adoptJob`).
 *
 *   placed ── started ──► running ── exit ──► ended: verdict, log and leaf in the spool
 *     │                      └────── the container is gone ──► ended: a failure that says so
 *     └── no start: not-started; the executor has to go before it may be started elsewhere
 */
import { closeSync, copyFileSync, type FSWatcher, fstatSync, openSync, rmSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { Edges } from '../edges.ts'
import { type Mask, makeMask } from '../protocol/mask.ts'
import { maskOutput, maskText, secretsOfOutput } from '../protocol/mask-output.ts'
import { sealedLength } from '../protocol/seal.ts'
import { passwordOutputs, secretsOfInput } from '../protocol/secrets.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import type { Executor } from './executors/executor.ts'
import { Leaf, leafFailureText } from './executors/leaf.ts'
import { type ExitFacts, halfOf, parseExit } from './executors/order.ts'
import { LogFollower, type TakeLog } from './log-follower.ts'
import { type Evidence, judge, type OutputContext, readOutput } from './plugin.ts'
import type { Execution, Job, JobEnd } from './spool.ts'

/** Seconds in which a supervisor that lives must have started a job. */
const startPatience = 10
/** Seconds beyond the limits that the supervisor has been given, after which runner kills the container. */
const killSlack = 15
/** Seconds between two looks: at files, where nothing tells of changes; at the life of the container; at the disk. */
const looks = { files: 0.5, life: 1, disk: 10 }

/**
 * Looks in a row that cannot say what a job has on disk, after which it is ended: a limit that is not looked at is none,
 * and whoever can slow a look down would be without one.
 */
const mostUnmeasured = 3

/** Bytes of a log that are copied. */
const mostCopied = 1024 ** 2

/** What became of a job that was watched. */
export type Watched =
  | { state: 'ended'; end: JobEnd }
  /** It has never started, and will not where the executor is removed. */
  | { state: 'not-started'; message: string }
  /** Nobody watches any more; it runs on. */
  | { state: 'detached' }

export interface WatchOptions {
  edges: Edges
  /** Bytes that a job may have on disk. */
  diskLimit: number
  onLog: TakeLog
  /** An earlier process has watched it before: when it started is known by its files alone. */
  resumed?: boolean
  /** Milliseconds of this clock less the server's, where that is known. */
  clockOffset?(): number | undefined
  onStarted?: (at: Date) => void
  /** Its end cannot be kept, and is tried again after so many seconds. */
  onStuck?: (message: string, seconds: number) => void
}

/** What a job must not show. */
export function maskOf(job: Job): Mask {
  return makeMask(secretsOf(job))
}

function secretsOf(job: Job): string[] {
  const input = job.input === undefined ? [] : secretsOfInput(job.input)
  return [...job.secrets, ...Object.values(job.secret_env), ...input, job.session_key].filter(
    text => text !== '',
  )
}

/** What a job must not show in its output: the passwords that it leaves, too. */
function outputMaskOf(job: Job, output: OutputContext | null, passwords: ReadonlySet<string>): Mask {
  return makeMask([...secretsOf(job), ...(output === null ? [] : secretsOfOutput(output, passwords))])
}

/** Watches one job to its end. */
export class JobWatch {
  /** Settles once; rejects for bugs only. */
  readonly ended: Promise<Watched>
  readonly #execution: Execution
  readonly #executor: Executor | undefined
  readonly #leaf: Leaf
  readonly #log: number
  readonly #nonce: string
  readonly #options: WatchOptions
  readonly #detach = new AbortController()
  #wake = Promise.withResolvers<void>()
  #abortAsked: number | undefined
  #cancelled = false
  /** When its disk is measured next, and what is free looked at next; and what was free when it was measured. */
  #disk = { next: 0, nextFree: 0, free: 0 }
  #measuring = false
  /** Looks at its disk in a row that did not come to an end. */
  #unmeasured = 0
  /** When it started, as its files say. */
  #startedAt: Date | undefined
  /** When it was first seen to have started. */
  #start: Span | undefined
  #watching = true
  #endedBy: Evidence['ended']

  constructor(
    execution: Execution,
    executor: Executor | undefined,
    leaf: Leaf,
    log: Result<number, unknown>,
    nonce: string,
    options: WatchOptions,
  ) {
    this.#execution = execution
    this.#executor = executor
    this.#leaf = leaf
    this.#log = log.ok ? log.value : openSync('/dev/null', 'r')
    this.#nonce = nonce
    this.#options = options
    this.ended = this.#watch()
  }

  /** Asks the job to end: its signal, its grace, then KILL. Twice is once. */
  abort(why: 'aborted' | 'lease-lost' = 'aborted'): void {
    if (this.#abortAsked !== undefined) return
    if (why === 'lease-lost') this.#endedBy ??= why
    this.#abortAsked = this.#options.edges.clock.monotonic()
    this.#cancel()
    this.#wake.resolve()
  }

  /** Asks for its end, at each look again: a job may keep its supervisor from hearing a line. Twice is once. */
  #cancel(): void {
    this.#cancelled = true
    this.#executor?.cancel(this.#nonce)
  }

  /** Opens its log, as the job writes it, from the beginning; the caller closes it. Fails with a sentence. */
  openLog(): Result<number, string> {
    if (!this.#watching) return this.#execution.openLog()
    try {
      return ok(openSync(`/proc/self/fd/${this.#log}`, 'r'))
    } catch (error) {
      return fail(`the log cannot be opened: ${errorText(error)}`)
    }
  }

  /** Watches no more; the job runs on. */
  detach(): void {
    this.#detach.abort()
    this.#wake.resolve()
  }

  async #watch(): Promise<Watched> {
    const { clock } = this.#options.edges
    const { job } = this.#execution
    using _leaf = this.#leaf
    using _ears = this.#listen()
    using follower = new LogFollower(this.#log, maskOf(job), this.#options.onLog, job.log_limit)
    using _open = {
      [Symbol.dispose]: () => {
        this.#watching = false
      },
    }

    const begun = clock.monotonic()
    this.#disk = { next: begun + looks.disk, nextFree: begun, free: this.#executor?.freeDisk() ?? 0 }
    await using guard = this.#guard()
    // What is not there at a look, and is at the next, has come in between.
    let before = this.#options.resumed === true ? Number.NEGATIVE_INFINITY : begun
    let nextLife = begun + looks.life
    for (;;) {
      const wake = Promise.withResolvers<void>()
      this.#wake = wake
      if (this.#detach.signal.aborted) return { state: 'detached' }
      const looked = clock.monotonic()
      let exit = this.#look(before)
      let end: Span = { after: before, by: clock.monotonic() }
      before = looked
      await follower.more()
      const now = clock.monotonic()
      let dead = false
      if (exit === undefined && (now >= nextLife || this.#startedAt === undefined)) {
        nextLife = now + looks.life
        if (this.#executor?.lives() !== true) {
          // It may have written its last word between the two looks.
          exit = this.#look(before)
          end = { after: before, by: clock.monotonic() }
          dead = exit === undefined
        }
      }
      if (exit !== undefined || dead) {
        if (exit === undefined && this.#startedAt === undefined && this.#untouched)
          return { state: 'not-started', message: 'its container ended before it started' }
        guard.stop()
        await follower.more()
        const length = this.#start && lengthOf(this.#start, end)
        const known = await this.#finish(exit, this.#startedAt, length, follower)
        return (await this.#keep(known)) ? { state: 'ended', end: known } : { state: 'detached' }
      }
      if (this.#startedAt === undefined && now >= begun + startPatience && this.#untouched)
        return { state: 'not-started', message: `its container took no order within ${startPatience} s` }
      const over = new AbortController()
      await Promise.race([wake.promise, clock.sleep(looks.files, over.signal)])
      over.abort()
    }
  }

  /** Sees to what must not wait for the log, since whoever takes that may be slow: the disk, and the time after an abort. */
  #guard(): AsyncDisposable & { stop(): void } {
    const { clock } = this.#options.edges
    const over = new AbortController()
    const look = async () => {
      while (!over.signal.aborted) {
        this.#lookAtDisk(clock.monotonic())
        if (this.#cancelled) this.#cancel()
        await this.#killIfLate()
        await clock.sleep(looks.files, over.signal)
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

  /** Hears of changes in the leaf where the system tells of them. */
  #listen(): Disposable {
    let watcher: FSWatcher | undefined
    try {
      // What is made is written too: one of the two is enough.
      watcher = watch(this.#leaf.path, { persistent: false }, event => {
        if (event === 'change') this.#wake.resolve()
      })
      watcher.on('error', () => watcher?.close())
    } catch {
      // Looking every half second will do.
    }
    return { [Symbol.dispose]: () => watcher?.close() }
  }

  /** Its end, if there is one. Tells when it has started, which had not been so at the time `before`. */
  #look(before: number): Exit | undefined {
    // The end first: of a job that has ended it is certain that it shows when it started.
    const exit = this.#exit()
    if (this.#startedAt !== undefined) return exit
    this.#startedAt = this.#started()
    if (this.#startedAt === undefined) return exit
    // For an adopted job that is late. The wall clock knows better, but may have been set to another time since.
    this.#start = { after: before, by: this.#options.edges.clock.monotonic() }
    this.#options.onStarted?.(this.#startedAt)
    return exit
  }

  #started(): Date | undefined {
    const file = this.#leaf.read('started', 100)
    const half = `${halfOf(this.#nonce)}\n`
    return file.ok && file.value.bytes.toString() === half ? file.value.modified : undefined
  }

  /** Whether its leaf is as it was made. A job may remove what says that it has started, and more with it. */
  get #untouched(): boolean {
    const order = this.#leaf.openFile('order')
    if (order.ok) closeSync(order.value)
    return order.ok
  }

  #exit(): Exit | undefined {
    const file = this.#leaf.readHead('exit', 200)
    if (!file.ok) return undefined
    const facts = parseExit(file.value.bytes.toString(), this.#nonce)
    return facts === undefined ? undefined : { facts, at: file.value.modified }
  }

  /** Measures every ten seconds, and after one where the disk has lost an eighth of what the job may have. */
  #lookAtDisk(now: number): void {
    if (now < this.#disk.nextFree) return
    const free = this.#executor?.freeDisk() ?? 0
    this.#disk = { ...this.#disk, nextFree: now + looks.life, free: Math.max(free, this.#disk.free) }
    if (now < this.#disk.next && this.#disk.free - free <= this.#options.diskLimit / 8) return
    this.#disk = { next: now + looks.disk, nextFree: now + looks.life, free }
    void this.#checkDisk()
  }

  async #checkDisk(): Promise<void> {
    if (this.#measuring || this.#executor === undefined) return
    this.#measuring = true
    const { bytes, missing } = await this.#executor.diskUse()
    this.#measuring = false
    this.#unmeasured = missing === undefined ? 0 : this.#unmeasured + 1
    if (this.#endedBy !== undefined) return
    if (bytes > this.#options.diskLimit) this.#endedBy = 'disk-full'
    else if (this.#unmeasured >= mostUnmeasured) this.#endedBy = { unmeasured: missing ?? '' }
    else return
    this.#cancel()
  }

  /** The supervisor ends a job itself. Where it has been kept from that, the container is killed. */
  async #killIfLate(): Promise<void> {
    const { clock } = this.#options.edges
    const { max_time_seconds: limit, abort_timeout_seconds: grace } = this.#execution.job
    const aborted = this.#abortAsked
    const now = clock.monotonic()
    const late =
      (aborted !== undefined && now > aborted + grace + killSlack) ||
      (limit > 0 && this.#start !== undefined && now > this.#start.by + limit + grace + killSlack)
    if (late) await this.#executor?.kill()
  }

  async #finish(
    exit: Exit | undefined,
    startedAt: Date | undefined,
    length: Length | undefined,
    follower: LogFollower,
  ): Promise<JobEnd> {
    const { edges, clockOffset } = this.#options
    const { job } = this.#execution
    const clock_offset = clockOffset?.()
    const finished = exit?.at ?? edges.clock.now()
    const since = startedAt ?? finished
    // The files say it to the kernel's tick, unless the clock was set meanwhile.
    const said = (finished.getTime() - since.getTime()) / 1000
    const { least, most } = length ?? { least: 0, most: Number.POSITIVE_INFINITY }
    // A job may have set the time of the file that says when it started.
    const longest = Math.min(most, finished.getTime() / 1000)
    const seconds = startedAt === undefined ? 0 : Math.max(0, Math.min(Math.max(said, least), longest))
    const started = new Date(finished.getTime() - seconds * 1000)
    const log = await follower.end()
    const verdict = judge({
      kind: job.kind,
      exit: exit?.facts,
      output: job.input === undefined ? undefined : this.#output(),
      abortAsked: this.#abortAsked !== undefined,
      outOfMemory: await this.#outOfMemory(exit?.facts, since),
      ended: this.#endedBy,
      limit: job.max_time_seconds,
      ...(exit === undefined ? await this.#lastWords() : {}),
    })
    const passwords = job.input === undefined ? new Set<string>() : passwordOutputs(job.input)
    const mask = outputMaskOf(job, verdict.output, passwords)
    return {
      ...verdict,
      error_message: verdict.error_message && maskText(verdict.error_message, mask),
      output: verdict.output && (await maskOutput(verdict.output, passwords, mask)),
      started_at: started.toISOString(),
      finished_at: finished.toISOString(),
      ...(clock_offset === undefined ? {} : { clock_offset }),
      ...log,
    }
  }

  #output(): Evidence['output'] {
    const { max_output_bytes: limit, session_key } = this.#execution.job
    // The limit is for what the plugin has to say, not for how that is sealed, and how its line ends.
    const most = sealedLength(limit) + 2
    const file = this.#leaf.read('output', most)
    if (file.ok) return readOutput(file.value.bytes, session_key, limit)
    return file.failure.reason === 'missing'
      ? undefined
      : fail(`its output cannot be taken: ${leafFailureText(file.failure, 'output', most)}`)
  }

  async #outOfMemory(exit: ExitFacts | undefined, since: Date): Promise<boolean> {
    if (exit !== undefined && exit.code === 0) return false
    return (await this.#executor?.ranOutOfMemory(since)) ?? false
  }

  async #lastWords(): Promise<{ lost?: string }> {
    const facts = await this.#executor?.facts()
    if (facts?.ok !== true || facts.value.running) return {}
    const { error, exit_code } = facts.value
    return { lost: error ?? `status ${exit_code}` }
  }

  /**
   * Puts leaf and end on record. A disk that is full is waited for: the result must not be lost. False: nobody watches any
   * more, and the next process finds all of it where it is.
   */
  async #keep(end: JobEnd): Promise<boolean> {
    const { edges, onStuck } = this.#options
    for (let pause = 0.1; ; pause = Math.min(pause * 2, 30)) {
      try {
        this.#takeLeaf()
        this.#execution.writeEnd(end)
        return true
      } catch (error) {
        if (this.#detach.signal.aborted) return false
        if (pause >= 1) onStuck?.(`how it ended cannot be put on disk: ${errorText(error)}`, pause)
        await edges.clock.sleep(pause, this.#detach.signal)
      }
    }
  }

  /** Puts its leaf into the spool, or where that is on another disk beside its executor. Throws system errors. */
  #takeLeaf(): void {
    const take = () => this.#executor?.takeLeaf(this.#execution.id, this.#leaf.identity, this.#execution.leaf)
    try {
      take()
    } catch (error) {
      if (errorCode(error) === 'EXDEV' && this.#executor !== undefined) {
        this.#execution.shelve(this.#executor.shelf(this.#execution.id))
        take()
      }
      // Else an earlier process has taken it, or the job has moved it.
    }
    if (!this.#isTaken) this.#copyLog()
  }

  get #isTaken(): boolean {
    const taken = Leaf.open(this.#execution.leaf, this.#leaf.identity)
    if (taken.ok) taken.value[Symbol.dispose]()
    return taken.ok
  }

  /** The job has moved its leaf. What it wrote has been given out: a copy for later is kept where that is no burden. */
  #copyLog(): void {
    const path = join(this.#execution.directory, 'log')
    if (fstatSync(this.#log).size > mostCopied) return
    try {
      copyFileSync(`/proc/self/fd/${this.#log}`, path)
    } catch {
      rmSync(path, { force: true })
    }
  }
}

interface Exit {
  facts: ExitFacts
  at: Date
}

/** On the monotonic clock: it was not yet so at one time, and was at the other. */
interface Span {
  after: number
  by: number
}

/** Seconds between which a time lies. */
interface Length {
  least: number
  most: number
}

/** Seconds that the kernel's ticks, and what was under way before the first look, may make it differ. */
const slack = 0.1

/** For how long it ran, by when its start and its end were seen. */
const lengthOf = (start: Span, end: Span): Length => ({
  least: end.after - start.by - slack,
  most: end.by - start.after + slack,
})
