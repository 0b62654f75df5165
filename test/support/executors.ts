/*
 * Executors on a throw-away engine, and jobs in them.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../../src/config/executor-section.ts'
import { type Edges, systemChance, systemClock } from '../../src/edges.ts'
import type { InputContext } from '../../src/protocol/messages.ts'
import { startJob } from '../../src/remote/execution.ts'
import { keepBusybox } from '../../src/remote/executors/busybox.ts'
import { DockerExecutors } from '../../src/remote/executors/docker.ts'
import type { DockerOptions } from '../../src/remote/executors/docker-executor.ts'
import { Engine as Client, type EngineFacts } from '../../src/remote/executors/engine.ts'
import type { Executor } from '../../src/remote/executors/executor.ts'
import type { ImageFacts } from '../../src/remote/executors/order.ts'
import type { JobWatch, Watched } from '../../src/remote/job-watch.ts'
import { type Execution, type Job, type JobEnd, Spool } from '../../src/remote/spool.ts'
import type { Result } from '../../src/result.ts'
import { Engine, engineNeeds } from './engine.ts'
import { staticBusybox } from './images.ts'
import type { Component } from './require.ts'

export const executorNeeds: Component[] = [...engineNeeds, staticBusybox]
export const edges: Edges = { clock: systemClock, chance: systemChance }

/** What no test gets; it is the engine of a test that has no network. */
export const settings: ExecutorConfiguration = {
  images: ['*'],
  reuse: 'domain',
  max_jobs_per_executor: 100,
  pull: 'never',
  memory: 512 * 1024 ** 2,
  cpus: 2,
  pids: 128,
  network: 'none',
  read_only: false,
  cap_add: [],
  disk_limit: 1024 ** 3,
  log_limit: 1024 ** 3,
}

/** A job that is over, and what it wrote. */
export interface Finished extends JobEnd {
  log: string
  execution: Execution
}

export class World implements AsyncDisposable {
  readonly engine: Engine
  readonly client: Client
  readonly facts: EngineFacts
  readonly spool: Spool
  readonly runnerId: string = randomUUID()
  readonly #busybox: string

  private constructor(engine: Engine, client: Client, facts: EngineFacts, busybox: string) {
    this.engine = engine
    this.client = client
    this.facts = facts
    this.#busybox = busybox
    this.spool = new Spool(join(engine.directory, 'spool'))
  }

  static async start(...options: string[]): Promise<World> {
    const engine = await Engine.start(...options)
    const client = value(await Client.at(`unix://${engine.socket}`, {}, edges.clock))
    const busybox = value(await keepBusybox(join(engine.directory, 'state'), process.env))
    return new World(engine, client, value(await client.facts()), busybox)
  }

  get workDir(): string {
    return join(this.engine.directory, 'work')
  }

  options(changes: Partial<ExecutorConfiguration> = {}): DockerOptions {
    return {
      engine: this.client,
      settings: { ...settings, ...changes },
      workDir: this.workDir,
      runnerId: this.runnerId,
      busybox: this.#busybox,
      ...{ processors: this.facts.processors, disk: this.facts },
      edges,
    }
  }

  executors(changes: Partial<ExecutorConfiguration> = {}): DockerExecutors {
    return new DockerExecutors(this.options(changes))
  }

  readonly #images = new Map<string, ImageFacts>()

  async image(name: string): Promise<ImageFacts> {
    const known = this.#images.get(name) ?? value(await this.executors().prepare(name))
    this.#images.set(name, known)
    return known
  }

  async launch(name: string, changes: Partial<ExecutorConfiguration> = {}): Promise<Executor> {
    return value(await this.executors(changes).launch(await this.image(name), 'default', true))
  }

  /** A job with all that it needs. */
  job(image: string, job: Partial<Job>): Job {
    return {
      ...{ execution_id: randomUUID(), kind: job.input === undefined ? 'command' : 'plugin', image },
      ...{ runner_group: 'default', env: {}, secret_env: {}, secrets: [], release_url: 'http://release' },
      session_key: job.input === undefined ? '' : randomBytes(32).toString('base64'),
      ...{ max_time_seconds: 60, abort_timeout_seconds: 5, max_output_bytes: 1_000_000 },
      ...job,
    }
  }

  /** Hands a job over. */
  async start(executor: Executor, image: string, job: Partial<Job>, clock = edges.clock): Promise<Started> {
    const execution = this.spool.add(this.job(image, job))
    const started = new Started(execution)
    const watch = await startJob(execution, executor, await this.image(image), {
      ...{ edges: { ...edges, clock }, diskLimit: settings.disk_limit },
      onLog: bytes => started.hear(bytes),
      onStuck: started.onStuck,
    })
    started.watch = value(watch)
    return started
  }

  /** Runs a job to its end. */
  async run(executor: Executor, image: string, job: Partial<Job>): Promise<Finished> {
    return (await this.start(executor, image, job)).finished()
  }

  /** Runs a job in an executor of its own. */
  async runAlone(
    image: string,
    job: Partial<Job>,
    changes: Partial<ExecutorConfiguration> = {},
  ): Promise<Finished> {
    const executor = await this.launch(image, changes)
    try {
      return await this.run(executor, image, job)
    } finally {
      await executor.remove()
    }
  }

  /** What should have gone: containers and files. */
  async leftovers(): Promise<string[]> {
    const containers = await this.engine.docker('ps', '-aq', '--no-trunc')
    const files = existsSync(this.workDir) ? readdirSync(this.workDir) : []
    return [...containers.split('\n').filter(id => id !== ''), ...files]
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.engine[Symbol.asyncDispose]()
  }
}

/** A job that runs, and what it has written so far. */
export class Started {
  readonly execution: Execution
  watch!: JobWatch
  log = ''
  /** Hears that its end cannot be put on disk. */
  onStuck: () => void = () => {}
  /** Settles then. */
  readonly stuck: Promise<void> = new Promise(resolve => {
    this.onStuck = resolve
  })
  readonly #hearers = new Set<() => void>()

  constructor(execution: Execution) {
    this.execution = execution
  }

  hear(bytes: Uint8Array): void {
    this.log += Buffer.from(bytes).toString('latin1')
    for (const hearer of [...this.#hearers]) hearer()
  }

  /** Waits until it has written a text. */
  says(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!this.log.includes(text)) return
        this.#hearers.delete(look)
        resolve()
      }
      this.#hearers.add(look)
      look()
      void this.watch.ended.then(end =>
        reject(new Error(`it ended without ${text}: ${JSON.stringify(end)}\n${this.log.slice(-2000)}`)),
      )
    })
  }

  async finished(): Promise<Finished> {
    const watched: Watched = await this.watch.ended
    value(await this.execution.tidy())
    if (watched.state !== 'ended') throw new Error(JSON.stringify(watched))
    return { ...watched.end, log: this.log, execution: this.execution }
  }
}

/** The input of a plugin's task. */
export function taskInput(type: string, inputs: Record<string, string>, secrets = {}): InputContext {
  const property =
    (password: boolean) =>
    ([name, value]: [string, unknown]) => ({
      ...{ name, kind: 'STRING', category: 'input' as const, password, value },
    })
  return {
    release: { id: 'Release1', automatedTaskAsUser: { username: 'me', password: 'run-as-password' } },
    task: {
      id: 'Task1',
      type,
      properties: [
        ...Object.entries(inputs).map(property(false)),
        ...Object.entries(secrets).map(property(true)),
      ],
    },
  }
}

/** What succeeded; a failure is a bug of the test. */
export function value<T>(result: Result<T, unknown>): T {
  if (result.ok) return result.value
  throw new Error(JSON.stringify(result.failure))
}
