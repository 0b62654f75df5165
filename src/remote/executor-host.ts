/*
 * The engine of this host, as an attached runner needs it: looked at until it works, tried once with a job of runner's
 * own, and looked at again whenever it seems to have gone.
 */
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../config/executor-section.ts'
import type { Edges } from '../edges.ts'
import { makeDirectory } from '../journal/files.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import { waitAfter } from './backoff.ts'
import { Bell, pause } from './bell.ts'
import type { EmitAttach } from './events.ts'
import { ExecutorPool } from './executor-pool.ts'
import { keepBusybox } from './executors/busybox.ts'
import { DockerExecutors } from './executors/docker.ts'
import type { DockerOptions } from './executors/docker-executor.ts'
import { Engine, type EngineFacts } from './executors/engine.ts'
import type { Executors } from './executors/executor.ts'
import { ImageCollector } from './executors/image-collector.ts'
import { probe } from './executors/probe.ts'
import { onceBecause } from './executors/reuse.ts'
import { Reminder } from './registrar.ts'

export interface HostOptions {
  settings: ExecutorConfiguration
  stateDir: string
  workDir: string
  runnerId: string
  env: NodeJS.ProcessEnv
  edges: Edges
  emit: EmitAttach
  /** Rung when there is a problem, or none any more. */
  changed: Bell
  over: AbortSignal
}

/** What there is once the engine works. */
export interface Workshop {
  executors: Executors
  pool: ExecutorPool
  facts: EngineFacts
  /** Absent where images are nobody's to remove. */
  collector?: ImageCollector | undefined
}

/** Seconds between two looks at an engine that works, and at what there is in it. */
const lookEvery = 20
const sweepEvery = 60
/** Seconds after which a container that nobody knows is nobody's: one that is being started is known by then. */
const strangeFor = 300
/** Seconds to wait, at the most, for one that does not. */
const longestWait = 10

export class ExecutorHost {
  /** Why no job can be started now; undefined where one can. */
  problem: string | undefined = 'the engine has not been looked at yet'
  readonly #options: HostOptions
  readonly #reminder: Reminder
  readonly #suspected = new Bell()
  #workshop: Workshop | undefined
  /** Since when containers have been here that the pool does not know. */
  readonly #strange = new Map<string, number>()

  constructor(options: HostOptions) {
    this.#options = options
    this.#reminder = new Reminder(options.edges)
  }

  /** Undefined until the engine has worked for the first time. */
  get workshop(): Workshop | undefined {
    return this.#workshop
  }

  /** Looks until the engine works, and a job of runner's own has run in it; undefined: ended before that. */
  async open(): Promise<Workshop | undefined> {
    const { edges, over } = this.#options
    for (let failures = 0; !over.aborted; ) {
      const opened = await this.#tryToOpen()
      if (opened.ok) return opened.value
      this.#fail(opened.failure)
      await pause(
        edges.clock,
        Math.min(longestWait, waitAfter(++failures, edges.chance.random())),
        this.#suspected,
        over,
      )
    }
    return undefined
  }

  /** Jobs may be started from now on; watches the engine until the end. */
  async watch(engine: EngineFacts): Promise<void> {
    const { edges, over, emit, settings, env } = this.#options
    const client = await Engine.at(settings.docker_host, env, edges.clock)
    if (!client.ok) throw new Error(client.failure.message)
    const tell = () => emit({ event: 'engine:ready', engine: engine.system, address: client.value.address })
    this.#recover(tell)
    let sweptAt = edges.clock.monotonic()
    for (let failures = 0; !over.aborted; ) {
      const wait =
        failures === 0 ? lookEvery : Math.min(longestWait, waitAfter(failures, edges.chance.random()))
      await pause(edges.clock, wait, this.#suspected, over)
      if (over.aborted) return
      const facts = await client.value.facts()
      if (facts.ok) {
        failures = 0
        this.#recover(tell)
        if (edges.clock.monotonic() < sweptAt + sweepEvery) continue
        sweptAt = edges.clock.monotonic()
        await this.#sweep()
      } else {
        failures++
        this.#fail(facts.failure.message)
      }
    }
  }

  /** Finds what a call has left that was not answered, and done all the same. */
  async #sweep(): Promise<void> {
    const { executors, pool, collector } = this.#workshop!
    await collector?.collect()
    const all = await executors.adopt()
    if (!all.ok) return
    const known = new Set(pool.seats.map(({ executor_id }) => executor_id))
    const now = this.#options.edges.clock.monotonic()
    const strange = all.value.filter(({ id }) => !known.has(id))
    for (const id of this.#strange.keys()) if (!strange.some(one => one.id === id)) this.#strange.delete(id)
    for (const executor of strange) {
      const since = this.#strange.get(executor.id) ?? now
      this.#strange.set(executor.id, since)
      if (now >= since + strangeFor) pool.remove(executor)
    }
  }

  /** Whether the engine answers now. */
  async isWell(): Promise<boolean> {
    const { edges, settings, env } = this.#options
    const client = await Engine.at(settings.docker_host, env, edges.clock)
    return client.ok && (await client.value.facts()).ok
  }

  /** Somebody has found that the engine does not answer. */
  suspect(message: string): void {
    this.#fail(message)
    this.#suspected.ring()
  }

  #fail(message: string): void {
    this.problem = message
    if (this.#reminder.isDue(message)) this.#options.emit({ event: 'engine:failed', message })
    this.#options.changed.ring()
  }

  #recover(tell: () => void): void {
    if (this.problem === undefined) return
    this.problem = undefined
    this.#reminder.clear()
    tell()
    this.#options.changed.ring()
  }

  async #tryToOpen(): Promise<Result<Workshop, string>> {
    const { settings, stateDir, workDir, runnerId, env, edges, emit } = this.#options
    try {
      makeDirectory(workDir)
    } catch (error) {
      return fail(`the work directory ${workDir} cannot be made: ${errorText(error)}`)
    }
    const busybox = await keepBusybox(stateDir, env)
    if (!busybox.ok) return busybox
    const engine = await Engine.at(settings.docker_host, env, edges.clock)
    if (!engine.ok) return fail(engine.failure.message)
    const facts = await engine.value.facts()
    if (!facts.ok) return fail(facts.failure.message)
    const options: DockerOptions = {
      ...{ engine: engine.value, settings, workDir, runnerId, edges },
      ...{ busybox: busybox.value, processors: facts.value.processors, disk: facts.value },
      once: onceBecause(facts.value, settings),
    }
    const probed = await probe(options, facts.value, edges)
    if (!probed.ok) return fail(probed.failure.message)
    const collector = this.#collectorAt(engine.value, facts.value)
    const { once } = probed.value
    if (once !== undefined && settings.reuse !== 'never')
      emit({ event: 'notice', message: `each job gets a container of its own: ${once}` })
    const executors = new DockerExecutors({ ...options, once, collector })
    // The server says how many.
    const none = {
      capacity: 0,
      eviction_time_seconds: 60,
      max_jobs_per_executor: settings.max_jobs_per_executor,
    }
    const pool = new ExecutorPool(executors, none, edges)
    this.#workshop = { executors, pool, facts: facts.value, collector }
    return ok(this.#workshop)
  }

  /** Undefined where what is gone would not come back. */
  #collectorAt(engine: Engine, { root, id }: EngineFacts): ImageCollector | undefined {
    const { settings, stateDir, edges, emit } = this.#options
    if (settings.pull === 'never') return undefined
    const onRemoved = (image: string) => emit({ event: 'image:removed', image, disk: root })
    return new ImageCollector({
      ...{ engine, engineId: id, root, path: join(stateDir, 'images.json'), clock: edges.clock, onRemoved },
    })
  }
}
