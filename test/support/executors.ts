/*
 * Executors on a throw-away engine, and jobs in them.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ExecutorConfiguration } from '../../src/config/sections/executor.ts'
import { type Edges, systemChance, systemClock } from '../../src/edges.ts'
import type { InputContext } from '../../src/protocol/messages/jobs.ts'
import type { Container } from '../../src/remote/executors/docker/container.ts'
import { Containers } from '../../src/remote/executors/docker/containers.ts'
import { Engine as Client, type EngineFacts } from '../../src/remote/executors/docker/engine.ts'
import { Images } from '../../src/remote/executors/docker/images.ts'
import { LeavingImages } from '../../src/remote/executors/docker/leaving-images.ts'
import type { DockerOptions } from '../../src/remote/executors/docker/options.ts'
import { DockerSlot } from '../../src/remote/executors/docker/slot.ts'
import { StayingPlugins } from '../../src/remote/executors/docker/staying-plugins.ts'
import type { ExecutorBackend, JobHandle, Slot } from '../../src/remote/executors/executor.ts'
import { keepBusybox } from '../../src/remote/executors/handover/busybox.ts'
import type { ImageFacts } from '../../src/remote/executors/image.ts'
import { openDocker } from '../../src/remote/executors/open.ts'
import { placeJob, startPlaced } from '../../src/remote/job/handover.ts'
import type { AssignedJob, JobEnd } from '../../src/remote/job/job.ts'
import { Spool } from '../../src/remote/job/spool.ts'
import type { SpooledExecution } from '../../src/remote/job/spooled-execution.ts'
import { JobWatch, type WatchedJob } from '../../src/remote/job/watch.ts'
import type { Result } from '../../src/result.ts'
import { Engine, engineNeeds } from './engine.ts'
import { staticBusybox } from './images.ts'
import type { Component } from './require.ts'

export const executorNeeds: Component[] = [...engineNeeds, staticBusybox]
export const edges: Edges = { clock: systemClock, chance: systemChance }

/**
 * The settings of executors in tests. `docker_host` is absent: each rig adds the socket of its own engine.
 */
export const settings: ExecutorConfiguration = {
  backend: 'docker',
  image_mappings: [],
  executor_labels: [],
  passed_sa_annotations: [],
  pull_secret_mappings: [],
  sdk_daemon: 'auto',
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
  execution: SpooledExecution
}

export class EngineRig implements AsyncDisposable {
  readonly engine: Engine
  readonly client: Client
  readonly facts: EngineFacts
  readonly spool: Spool
  readonly runnerId: string = randomUUID()
  readonly #busybox: string
  readonly #leaving: LeavingImages

  private constructor(engine: Engine, client: Client, facts: EngineFacts, busybox: string) {
    this.engine = engine
    this.client = client
    this.facts = facts
    this.#busybox = busybox
    this.#leaving = new LeavingImages(join(engine.directory, 'state', 'leaving-plugins.json'), edges.clock)
    this.spool = new Spool(join(engine.directory, 'spool'))
  }

  static async start(...options: string[]): Promise<EngineRig> {
    const engine = await Engine.start(...options)
    const client = value(await Client.at(`unix://${engine.socket}`, {}, edges.clock))
    const busybox = value(await keepBusybox(join(engine.directory, 'state'), process.env))
    return new EngineRig(engine, client, value(await client.facts()), busybox)
  }

  get workDir(): string {
    return join(this.engine.directory, 'work')
  }

  options(changes: Partial<ExecutorConfiguration> = {}): DockerOptions {
    return {
      engine: this.client,
      settings: { ...settings, ...changes },
      plugins: new StayingPlugins({ ...settings, ...changes }, this.#leaving),
      workDir: this.workDir,
      runnerId: this.runnerId,
      busybox: this.#busybox,
      processors: this.facts.processors,
      disk: this.facts,
      edges,
    }
  }

  /** The backend as a process of this runner, or of another one, has it. */
  backend(changes: Partial<ExecutorConfiguration> = {}, runnerId: string = this.runnerId): ExecutorBackend {
    return openDocker({
      settings: { ...settings, docker_host: `unix://${this.engine.socket}`, ...changes },
      stateDir: join(this.engine.directory, 'state'),
      helperDir: join(this.engine.directory, 'state'),
      workDir: this.workDir,
      runnerId,
      env: {},
      edges,
      onImageRemoved: () => {},
      onProblem: () => {},
    })
  }

  containers(changes: Partial<ExecutorConfiguration> = {}): Containers {
    return new Containers(this.options(changes))
  }

  images(changes: Partial<ExecutorConfiguration> = {}): Images {
    const options = this.options(changes)
    return new Images(options.engine, options.settings, edges.clock, undefined)
  }

  readonly #images = new Map<string, ImageFacts>()

  async image(name: string): Promise<ImageFacts> {
    const known = this.#images.get(name) ?? value(await this.images().prepare(name))
    this.#images.set(name, known)
    return known
  }

  async launch(name: string, changes: Partial<ExecutorConfiguration> = {}): Promise<Container> {
    return value(
      await this.containers(changes).launch(await this.image(name), { ...forSeveral(), plugin: true }),
    )
  }

  /** A container as a slot. */
  async slot(container: Container, image: string, clock = edges.clock): Promise<DockerSlot> {
    const around = {
      edges: { ...edges, clock },
      diskLimit: settings.disk_limit,
      onProblem: () => {},
    }
    return new DockerSlot(container, await this.image(image), around)
  }

  /** A job with all that it needs. */
  job(image: string, job: Partial<AssignedJob>): AssignedJob {
    return {
      execution_id: randomUUID(),
      kind: job.input === undefined ? 'command' : 'plugin',
      image,
      runner_group: 'default',
      env: {},
      secret_env: {},
      secrets: [],
      release_url: 'http://release',
      session_key: job.input === undefined ? '' : randomBytes(32).toString('base64'),
      max_time_seconds: 60,
      abort_timeout_seconds: 5,
      max_output_bytes: 1_000_000,
      ...job,
    }
  }

  /** Hands a job over. */
  async start(
    where: Container | Slot,
    image: string,
    job: Partial<AssignedJob>,
    clock = edges.clock,
  ): Promise<Started> {
    const execution = this.spool.add(this.job(image, job))
    const slot = 'place' in where ? where : await this.slot(where, image, clock)
    const placed = value(await placeJob(execution, slot))
    return new Started(execution, value(await startPlaced(placed)), clock)
  }

  /** Runs a job to its end. */
  async run(where: Container | Slot, image: string, job: Partial<AssignedJob>): Promise<Finished> {
    return (await this.start(where, image, job)).finished()
  }

  /** Runs a job in an executor of its own. */
  async runAlone(
    image: string,
    job: Partial<AssignedJob>,
    changes: Partial<ExecutorConfiguration> = {},
  ): Promise<Finished> {
    const executor = await this.launch(image, changes)
    try {
      return await this.run(executor, image, job)
    } finally {
      await executor.remove()
    }
  }

  /** Things that should have gone: containers, networks and files. */
  async leftovers(): Promise<string[]> {
    const files = existsSync(this.workDir) ? readdirSync(this.workDir) : []
    return [...(await this.engine.containers()), ...(await this.engine.networks()), ...files]
  }

  /** Gives `t` tests of which each, after `cleanUp`, has left nothing of its containers. */
  testsOf(t: Test, cleanUp = async () => {}) {
    return (title: string, body: (t: Test) => Promise<void>) =>
      t.test(title, async t => {
        await body(t)
        await cleanUp()
        t.same(await this.leftovers(), [], 'nothing is left')
      })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.engine[Symbol.asyncDispose]()
  }
}

/** A new slot, for several jobs. */
export const forSeveral = () => ({ slotId: edges.chance.id(), group: 'default', ephemeral: false })

/** A job that runs, and what it has written so far. */
export class Started {
  readonly execution: SpooledExecution
  readonly handle: JobHandle
  readonly watch: JobWatch
  log = ''
  /** Hears that its end cannot be put on disk. */
  onStuck: () => void = () => {}
  /** Settles then. */
  readonly stuck: Promise<void> = new Promise(resolve => {
    this.onStuck = resolve
  })
  readonly #hearers = new Set<() => void>()

  constructor(execution: SpooledExecution, handle: JobHandle, clock = edges.clock) {
    this.execution = execution
    this.handle = handle
    this.watch = new JobWatch(execution, handle, {
      edges: { ...edges, clock },
      onLog: bytes => this.hear(bytes),
      onStuck: () => this.onStuck(),
    })
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
    const watched: WatchedJob = await this.watch.ended
    value(this.execution.makeEndLast())
    value(await this.handle.trim())
    if (watched.state !== 'ended') throw new Error(JSON.stringify(watched))
    return { ...watched.end, log: this.log, execution: this.execution }
  }
}

/** The input of a plugin's task. */
export function taskInput(type: string, inputs: Record<string, string>, secrets = {}): InputContext {
  const property =
    (password: boolean) =>
    ([name, value]: [string, unknown]) => ({
      name,
      kind: 'STRING',
      category: 'input' as const,
      password,
      value,
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

/** The value of a success; a failure is a bug of the test. */
export function value<T>(result: Result<T, unknown>): T {
  if (result.ok) return result.value
  throw new Error(JSON.stringify(result.failure))
}
