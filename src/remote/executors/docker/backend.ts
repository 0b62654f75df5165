/*
 * The backend of Docker or podman on this host. It calls the engine only when a caller needs it, and keeps
 * the answers that stay the same.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { Clock, Edges } from '../../../edges.ts'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { freeBytes } from '../../../system/disk-free.ts'
import { makeDirectory } from '../../../system/durable-file.ts'
import type {
  ExecutorBackend,
  Facts,
  Failure,
  JobHandle,
  JobState,
  KeptFiles,
  Need,
  OpenFailure,
  Prepared,
  Requirement,
  Slot,
  SlotOptions,
  SlotRef,
} from '../executor.ts'
import { keepBusybox } from '../handover/busybox.ts'
import type { ImageFacts, PullProgress } from '../image.ts'
import { Container } from './container.ts'
import { Containers } from './containers.ts'
import { Engine, type EngineFacts } from './engine.ts'
import { toFailure } from './failure.ts'
import { ImageCollector } from './image-gc.ts'
import { Images } from './images.ts'
import { DockerJob } from './job-handle.ts'
import { DockerKeptFiles } from './kept-files.ts'
import { labels } from './labels.ts'
import { LeavingImages } from './leaving-images.ts'
import type { DockerOptions } from './options.ts'
import { type Probed, probe } from './probe.ts'
import { onceBecause } from './reuse.ts'
import { runtimeProblem, unknownRuntime } from './runtime.ts'
import { DockerSlot } from './slot.ts'
import { dockerName, placeOf } from './state.ts'
import { StayingPlugins } from './staying-plugins.ts'

export interface DockerBackendOptions {
  settings: ExecutorConfiguration
  /** The directory with the records of pulled images and of plugins that do not stay. */
  stateDir: string
  /** The directory with the copy of busybox. */
  helperDir: string
  /** The directory in which the directories of containers are made. */
  workDir: string
  /** The runner to which the containers belong. */
  runnerId: string
  env: NodeJS.ProcessEnv
  edges: Edges
  /** Called when an image that this runner had pulled was removed, since `disk` was nearly full. */
  onImageRemoved(image: string, disk: string): void
  /** Called with a failure of the engine; the call is repeated. */
  onProblem(message: string): void
}

/** An image that is on this host. */
interface PreparedImage extends Prepared {
  readonly image: ImageFacts
  readonly plugin: boolean
}

/** The parts of the backend, made when engine and busybox have been found. */
interface Parts {
  options: DockerOptions
  engineFacts: EngineFacts
  containers: Containers
  images: Images
  collector: ImageCollector | undefined
}

export class DockerBackend implements ExecutorBackend {
  readonly name = dockerName
  readonly #options: DockerBackendOptions
  readonly #plugins: StayingPlugins
  #parts: Parts | undefined
  /** The findings of the probe; undefined until it has succeeded. */
  #probed: Probed | undefined
  /** The containers that were started or found, by the ids of their slots. */
  readonly #containers = new Map<string, Container>()

  constructor(options: DockerBackendOptions) {
    this.#options = options
    const { settings, stateDir, edges } = options
    const leaving = new LeavingImages(join(stateDir, 'leaving-plugins.json'), edges.clock)
    this.#plugins = new StayingPlugins(settings, leaving)
  }

  get slotsText(): string {
    return dockerSlotsText(this.#options.runnerId)
  }

  async requirements(): Promise<readonly Requirement[]> {
    const { helperDir, env } = this.#options
    const busybox = await keepBusybox(helperDir, env)
    return [{ name: 'busybox', found: 'static', problem: busybox.ok ? undefined : busybox.failure }]
  }

  async probe(signal: AbortSignal): Promise<Result<Facts, Failure>> {
    const found = await this.#find()
    if (!found.ok) return found
    const { engineFacts } = found.value
    let { options } = found.value
    const problem = runtimeProblem(options.settings, engineFacts)
    if (problem !== undefined) return fail(problem)
    let probed = await probe(options, engineFacts, signal)
    if (!probed.ok && unknownRuntime(engineFacts, options.settings) !== undefined) {
      // The runtime may give each container a kernel of its own, which cannot keep all guarantees: they are
      // given up only after the probe with them has failed.
      options = { ...options, ownKernel: true }
      probed = await probe(options, engineFacts, signal)
    }
    if (!probed.ok) return probed
    this.#probed = { ...probed.value, once: probed.value.once ?? options.once }
    this.#parts = this.#partsOf(
      { ...options, once: this.#probed.once },
      engineFacts,
      this.#collectorOf(options, engineFacts),
    )
    return ok(this.#factsOf(options.engine, engineFacts))
  }

  async health(): Promise<Result<Facts, Failure>> {
    const engine = this.#parts === undefined ? await this.#engine() : ok(this.#parts.options.engine)
    if (!engine.ok) return engine
    const facts = await engine.value.facts()
    if (!facts.ok) return fail(toFailure(facts.failure.reason, facts.failure.message))
    const problem = runtimeProblem(this.#options.settings, facts.value)
    return problem === undefined ? ok(this.#factsOf(engine.value, facts.value)) : fail(problem)
  }

  async prepare(
    { image, digest, plugin = false }: Need,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<PreparedImage, Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const found = await parts.value.images.prepare(image, onProgress, signal, digest)
    if (!found.ok) return fail(toFailure(found.failure.reason, found.failure.message))
    return ok({ key: found.value.id, digest: found.value.digest, image: found.value, plugin })
  }

  async open({ image, plugin }: PreparedImage, options: SlotOptions): Promise<Result<Slot, OpenFailure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const launched = await parts.value.containers.launch(image, { ...options, plugin })
    if (!launched.ok) {
      const { left, ...failure } = launched.failure
      if (left !== undefined) this.#containers.set(left.id, left)
      return fail({ ...failure, left: left?.ref })
    }
    this.#containers.set(launched.value.id, launched.value)
    return ok(new DockerSlot(launched.value, image, this.#around))
  }

  async list(): Promise<Result<SlotRef[], Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const listed = await parts.value.containers.list()
    if (!listed.ok) return listed
    for (const container of listed.value)
      if (!this.#containers.has(container.id)) this.#containers.set(container.id, container)
    return ok(listed.value.map(({ ref }) => ref))
  }

  async close(ref: SlotRef): Promise<Result<void, Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const container = this.#containers.get(ref.id) ?? new Container(parts.value.options, ref.id, ref.key, '')
    const removed = await container.remove()
    if (removed.ok) this.#containers.delete(ref.id)
    return removed
  }

  async recover(state: JobState, keptDir: string): Promise<Result<JobHandle, Failure>> {
    const place = placeOf(state)
    if (!place.ok) return place
    const { executor_id: slotId, job_id: id, leaf } = place.value
    if (!this.#containers.has(slotId)) {
      const listed = await this.list()
      if (!listed.ok) return listed
    }
    const container = this.#containers.get(slotId)
    const kept = new DockerKeptFiles(keptDir, leaf, this.#options.edges.clock)
    const own = kept.open()
    const exchange = own.ok ? own : container?.jobs.open(id, place.value)
    if (exchange === undefined) return fail(toFailure('lost', 'its executor and its files are gone'))
    if (!exchange.ok) return fail({ ...exchange.failure, reason: 'lost', retry: 'never' })
    const log =
      own.ok || container === undefined
        ? exchange.value.openFile('log')
        : container.jobs.openLog(id, exchange.value)
    return ok(
      new DockerJob({
        ...this.#around,
        place: place.value,
        container,
        exchange: exchange.value,
        log: log.ok ? log.value : undefined,
        kept,
        resumed: true,
      }),
    )
  }

  kept(state: JobState, keptDir: string): KeptFiles {
    return dockerFiles(state, keptDir, this.#options.edges.clock)
  }

  async reclaim(): Promise<void> {
    await this.#parts?.collector?.collect()
  }

  get #around() {
    const { edges, settings, onProblem } = this.#options
    return { edges, diskLimit: settings.disk_limit, onProblem }
  }

  /** The parts; looks for engine and busybox until both have been found once. */
  async #ready(): Promise<Result<Parts, Failure>> {
    if (this.#parts !== undefined) return ok(this.#parts)
    const found = await this.#find()
    if (!found.ok) return found
    this.#parts ??= this.#partsOf(found.value.options, found.value.engineFacts, undefined)
    return ok(this.#parts)
  }

  async #engine(): Promise<Result<Engine, Failure>> {
    const { settings, env, edges } = this.#options
    const engine = await Engine.at(settings.docker_host, env, edges.clock)
    return engine.ok ? engine : fail(toFailure(engine.failure.reason, engine.failure.message))
  }

  /** Looks for busybox and the engine. */
  async #find(): Promise<Result<Pick<Parts, 'options' | 'engineFacts'>, Failure>> {
    const { settings, helperDir, workDir, runnerId, env, edges } = this.#options
    try {
      makeDirectory(workDir)
    } catch (error) {
      const message = `the work directory ${workDir} cannot be made: ${errorText(error)}`
      return fail(toFailure('directory-unusable', message))
    }
    const busybox = await keepBusybox(helperDir, env)
    if (!busybox.ok) return fail(toFailure('helper-missing', busybox.failure))
    const engine = await this.#engine()
    if (!engine.ok) return engine
    const facts = await engine.value.facts()
    if (!facts.ok) return fail(toFailure(facts.failure.reason, facts.failure.message))
    const options: DockerOptions = {
      engine: engine.value,
      settings,
      workDir,
      runnerId,
      edges,
      busybox: busybox.value,
      processors: facts.value.processors,
      disk: facts.value,
      once: onceBecause(facts.value, settings),
      plugins: this.#plugins,
    }
    return ok({ options, engineFacts: facts.value })
  }

  #partsOf(options: DockerOptions, engineFacts: EngineFacts, collector: ImageCollector | undefined): Parts {
    const images = new Images(options.engine, options.settings, options.edges.clock, collector)
    return { options, engineFacts, containers: new Containers(options), images, collector }
  }

  /** Undefined with `pull = never`: a removed image would not come back. */
  #collectorOf({ engine }: DockerOptions, { root, id }: EngineFacts): ImageCollector | undefined {
    const { settings, stateDir, edges, onImageRemoved } = this.#options
    if (settings.pull === 'never') return undefined
    return new ImageCollector({
      engine,
      engineId: id,
      root,
      path: join(stateDir, 'images.json'),
      clock: edges.clock,
      onRemoved: image => onImageRemoved(image, root),
    })
  }

  #factsOf(engine: Engine, { id, system, root, storage, podman }: EngineFacts): Facts {
    const once = this.#probed?.once
    const { unwelcome } = this.#plugins
    const staying =
      unwelcome === undefined
        ? 'plugins of the SDKs of Python and Go stay'
        : `plugins do not stay, by ${unwelcome} in [executor]`
    return {
      id,
      system,
      address: engine.address,
      // The disk of an engine on another machine cannot be measured here.
      disks: existsSync(root) ? [{ path: root, free: freeBytes(root) }] : [],
      makeRoom: `remove images that are not needed (${podman ? 'podman' : 'docker'} image prune)`,
      slot: 'container',
      capabilities: [],
      once,
      plugins: true,
      outlives: 'runner',
      timeLimit: 'job',
      tells: { oom: true, disk: true, neverStarted: true },
      measures: this.#probed?.measures ?? false,
      logWithoutRunner: true,
      logComes: 'at-once',
      tried: 'one ran in a container, and its output came back',
      diskLimit: this.#probed?.diskLimit,
      notes: [`storage driver ${storage}`, ...(once === undefined ? [staying] : [])],
    }
  }
}

/** Describes all containers of a runner, so that a person can find them. */
export const dockerSlotsText = (runnerId: string) =>
  `the containers and networks with the label ${labels.runner}=${runnerId}`

/** The kept files of a job; they are found without the engine. */
export function dockerFiles(state: JobState, keptDir: string, clock: Clock): KeptFiles {
  const place = placeOf(state)
  return new DockerKeptFiles(keptDir, place.ok ? place.value.leaf : undefined, clock)
}
