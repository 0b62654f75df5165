/*
 * The backend of this runner. It is looked at until it works, tried once with a job of runner's own, and
 * looked at again whenever it seems to have gone.
 *
 *   opening ── the probe has run ──► opened ── recovery has matched what was there ──► well ⇄ away
 */
import type { Edges } from '../../edges.ts'
import type { Result } from '../../result.ts'
import { waitAfter } from '../../system/backoff.ts'
import { Notifier, pause } from '../../system/wait.ts'
import type { EmitAttach } from '../events.ts'
import type { ExecutorBackend, Facts, Failure } from '../executors/executor.ts'
import { Reminder } from '../reminder.ts'
import type { PoolSettings } from './policy.ts'
import { SlotPool } from './pool.ts'

export interface ExecutorHostOptions {
  backend: ExecutorBackend
  /** The most jobs that a slot gets. */
  maxJobsPerSlot: number
  /** Whether it is worth a notice that each slot takes one job alone. */
  wantsReuse: boolean
  edges: Edges
  emit: EmitAttach
  /** Notified when there is a problem, or none any more, and when the pool changes. */
  changed: Notifier
  over: AbortSignal
}

/** The objects that exist once the backend works. */
export interface ExecutorRuntime {
  readonly backend: ExecutorBackend
  readonly pool: SlotPool
  /** The facts at the last look. */
  readonly facts: Facts
}

/** Seconds between two looks at a working backend and its slots. */
const lookEvery = 20
const sweepEvery = 60
/**
 * Seconds after which a slot that the pool does not know is closed: one that is being opened is known by
 * then.
 */
const strangeFor = 300
/** The most seconds between two looks at a backend that does not work. */
const longestWait = 10

type State =
  | { state: 'opening'; problem: string }
  | { state: 'opened' | 'away'; runtime: ExecutorRuntime; problem: string }
  | { state: 'well'; runtime: ExecutorRuntime }

export class ExecutorHost {
  readonly #options: ExecutorHostOptions
  readonly #reminder: Reminder
  readonly #suspected = new Notifier()
  #state: State
  #settings: PoolSettings
  /** The slots that the pool does not know, and the time since which they have been here. */
  readonly #strange = new Map<string, number>()
  /** Whether slots that the pool does not know may be somebody's. */
  #keepsStrangers = false

  constructor(options: ExecutorHostOptions) {
    this.#options = options
    this.#state = { state: 'opening', problem: this.untried }
    this.#reminder = new Reminder(options.edges)
    // The server decides about the capacity.
    this.#settings = {
      capacity: 0,
      eviction_time_seconds: 60,
      max_jobs_per_executor: options.maxJobsPerSlot,
    }
  }

  get backend(): ExecutorBackend {
    return this.#options.backend
  }

  /** Undefined until the backend has worked for the first time. */
  get runtime(): ExecutorRuntime | undefined {
    return this.#state.state === 'opening' ? undefined : this.#state.runtime
  }

  /** The problem of a backend that has not answered yet. */
  get untried(): string {
    return `the executor backend ${this.#options.backend.name} has not been tried yet`
  }

  /** Whether the first try of the backend has not ended yet. */
  get isUntried(): boolean {
    return this.#state.state === 'opening' && this.#state.problem === this.untried
  }

  /** Why no job can be started now; undefined where one can. */
  get problem(): string | undefined {
    return this.#state.state === 'well' ? undefined : this.#state.problem
  }

  /** Looks until the backend works, and a job of runner's own has run in it; undefined: ended before that. */
  async open(): Promise<ExecutorRuntime | undefined> {
    const { edges, over } = this.#options
    for (let failures = 0; !over.aborted; ) {
      const opened = await this.#tryToOpen()
      if (opened.ok) return opened.value
      this.#fail(opened.failure.message)
      await pause(
        edges.clock,
        Math.min(longestWait, waitAfter(++failures, edges.chance.random())),
        this.#suspected,
        over,
      )
    }
    return undefined
  }

  /** Allows jobs to start from now on, and watches the backend until the end. */
  async watch(): Promise<void> {
    const { backend, edges, over } = this.#options
    this.#recover()
    let sweptAt = edges.clock.monotonic()
    for (let failures = 0; !over.aborted; ) {
      const wait =
        failures === 0 ? lookEvery : Math.min(longestWait, waitAfter(failures, edges.chance.random()))
      await pause(edges.clock, wait, this.#suspected, over)
      if (over.aborted) return
      const facts = await backend.health(over)
      if (facts.ok) {
        failures = 0
        this.#see(facts.value)
        this.#recover()
        if (edges.clock.monotonic() < sweptAt + sweepEvery) continue
        sweptAt = edges.clock.monotonic()
        await this.#sweep()
      } else {
        failures++
        this.#fail(facts.failure.message)
      }
    }
  }

  /** Applies the settings of the server, and keeps them for a pool that does not exist yet. */
  configure(settings: Pick<PoolSettings, 'capacity' | 'eviction_time_seconds'>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.runtime?.pool.configure(this.#settings)
  }

  /** Leaves slots alone that the pool does not know, from now on. */
  keepStrangers(): void {
    this.#keepsStrangers = true
  }

  /** Finds slots of calls that were carried out although their answer was lost. */
  async #sweep(): Promise<void> {
    const { runtime } = this
    if (runtime === undefined) return
    const { backend, pool } = runtime
    await backend.reclaim()
    const all = await backend.list()
    if (!all.ok || this.#keepsStrangers) return
    const known = new Set(pool.slots.map(({ slot_id }) => slot_id))
    const now = this.#options.edges.clock.monotonic()
    const strange = all.value.filter(({ id }) => !known.has(id))
    for (const id of this.#strange.keys()) if (!strange.some(one => one.id === id)) this.#strange.delete(id)
    for (const ref of strange) {
      const since = this.#strange.get(ref.id) ?? now
      this.#strange.set(ref.id, since)
      if (now >= since + strangeFor) pool.remove(ref)
    }
  }

  /** Whether the backend answers now. */
  async isWell(): Promise<boolean> {
    const { backend, over } = this.#options
    return (await backend.health(over)).ok
  }

  /** Reports that the backend did not answer a caller. */
  suspect(message: string): void {
    this.#fail(message)
    this.#suspected.notify()
  }

  #fail(problem: string): void {
    const { runtime } = this
    if (runtime === undefined) this.#state = { state: 'opening', problem }
    else this.#state = { state: this.#state.state === 'opened' ? 'opened' : 'away', runtime, problem }
    if (this.#reminder.isDue(problem)) this.#options.emit({ event: 'engine:failed', message: problem })
    this.#options.changed.notify()
  }

  #see(facts: Facts): void {
    if (this.#state.state !== 'opening')
      this.#state = { ...this.#state, runtime: { ...this.#state.runtime, facts } }
  }

  #recover(): void {
    if (this.#state.state !== 'opened' && this.#state.state !== 'away') return
    const { runtime } = this.#state
    this.#state = { state: 'well', runtime }
    this.#reminder.clear()
    const { system, address } = runtime.facts
    this.#options.emit({ event: 'engine:ready', engine: system, address })
    this.#options.changed.notify()
  }

  async #tryToOpen(): Promise<Result<ExecutorRuntime, Failure>> {
    const { backend, wantsReuse, edges, emit, changed, over } = this.#options
    const facts = await backend.probe(over)
    if (!facts.ok) return facts
    const { once, slot } = facts.value
    if (once !== undefined && wantsReuse)
      emit({ event: 'notice', message: `each job gets a ${slot} of its own: ${once}` })
    const pool = new SlotPool({
      backend,
      settings: this.#settings,
      edges,
      onChange: () => changed.notify(),
      onLeft: message => emit({ event: 'notice', message }),
    })
    const runtime = { backend, pool, facts: facts.value }
    const { problem } = this
    this.#state = { state: 'opened', runtime, problem: problem ?? '' }
    return { ok: true, value: runtime }
  }
}
