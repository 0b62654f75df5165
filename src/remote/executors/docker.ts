/*
 * Executors in containers of Docker or podman. For each there is a directory of the work directory:
 *
 *   <work>/<runner>.<id>/control/   mounted read-only: FIFOs of the supervisor, busybox, itself
 *   <work>/<runner>.<id>/jobs/      mounted: a leaf for each execution
 *   <work>/<runner>.<id>/orders     the FIFO by which orders come, once the supervisor has opened it
 *   <work>/<runner>.<id>/logs/      the log of each execution
 *
 * (several runners may share a work directory, and what else is in it is nobody's here) and a container that is named
 * after it and carries the runner's name, so that a call which timed out but was heard leaves nothing that cannot be found
 * again.
 */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { makeDirectory } from '../../journal/files.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { isPathPart } from '../path-part.ts'
import { shareBusybox } from './busybox.ts'
import { containerSettings, labels, strangerId } from './container-settings.ts'
import { DockerExecutor, type DockerOptions, jobsMode } from './docker-executor.ts'
import type { EngineFailure } from './engine.ts'
import type { Executor, ExecutorFailure, Executors } from './executor.ts'
import { type ImageFailure, Images, type PullProgress } from './images.ts'
import type { ImageFacts } from './order.ts'

const supervisorFile = join(import.meta.dirname, 'supervisor.sh')

/** Seconds that a container may take to start. */
const startPatience = 60

export class DockerExecutors implements Executors {
  readonly #options: DockerOptions
  readonly #images: Images
  /** By image id, why none of its containers can have a second job: the next ones need not find that out. */
  readonly #unfit = new Map<string, string>()
  #enforcesDisk: boolean
  /** Of this process's version: an upgrade may put another one in its place. */
  readonly #supervisor = readFileSync(supervisorFile)

  constructor(options: DockerOptions) {
    this.#options = options
    // Of other drivers the limit counts the image too, or nothing.
    this.#enforcesDisk = /^overlay2?$/.test(options.disk.storage)
    this.#images = new Images(options.engine, options.settings, options.edges.clock, options.collector)
  }

  prepare(
    reference: string,
    onProgress?: (progress: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<Result<ImageFacts, ImageFailure>> {
    return this.#images.prepare(reference, onProgress, signal)
  }

  async launch(image: ImageFacts, group: string, again: boolean): Promise<Result<Executor, ExecutorFailure>> {
    const { engine, edges } = this.#options
    const known = this.#options.once ?? this.#unfit.get(image.id)
    const options = {
      ...this.#options,
      once: known ?? (again ? undefined : 'it was made for one job'),
      onUnfit: (imageId: string, why: string) => void this.#unfit.set(imageId, why),
    }
    const executor = new DockerExecutor(options, edges.chance.id(), image.id, group, false)
    try {
      await this.#makeFiles(executor)
    } catch (error) {
      const left = await leftOf(executor)
      const message = `the files of an executor cannot be made in ${executor.directory}: ${errorText(error)}`
      return fail({ reason: 'executor-not-started', message, ...left })
    }
    const created = await this.#create(executor, image, options)
    const started = created.ok
      ? await engine.call(
          'start a container',
          (docker, abortSignal) => docker.getContainer(executor.name).start({ abortSignal }),
          startPatience,
        )
      : created
    const listens = started.ok ? await executor.ready(edges.clock) : notStarted(started.failure)
    // Before there is a job that could find them.
    const ready = listens.ok ? executor.hideOrders() : listens
    if (ready.ok) {
      rmSync(join(executor.directory, 'control', 'key'), { force: true })
      return ok(executor)
    }
    return fail({ ...ready.failure, ...(await leftOf(executor)) })
  }

  /** Whether the engine enforces disk_limit on the layers of containers, as far as that has been tried. */
  get enforcesDisk(): boolean {
    return this.#enforcesDisk
  }

  /** With a limit that the engine enforces, where it can: with overlay2 on XFS with pquota, which it does not say. */
  async #create(
    executor: DockerExecutor,
    image: ImageFacts,
    options: DockerOptions,
  ): Promise<Result<unknown, EngineFailure>> {
    const { engine, settings } = options
    const own = containerSettings(executor, image, options)
    const create = (more: object) =>
      engine.call(
        'create a container',
        (docker, abortSignal) =>
          docker.createContainer({ ...own, HostConfig: { ...own.HostConfig, ...more }, abortSignal }),
        startPatience,
      )
    if (!this.#enforcesDisk) return create({})
    const created = await create({ StorageOpt: { size: String(settings.disk_limit) } })
    if (created.ok || created.failure.reason !== 'engine-refused') return created
    const without = await create({})
    if (without.ok) this.#enforcesDisk = false
    return without
  }

  async #makeFiles({ directory, key }: DockerExecutor): Promise<void> {
    const control = join(directory, 'control')
    const jobs = join(directory, 'jobs')
    makeDirectory(directory)
    for (const [path, mode] of [
      [control, 0o755],
      [jobs, jobsMode],
      [join(directory, 'logs'), 0o700],
    ] as const) {
      mkdirSync(path)
      chmodSync(path, mode)
    }
    // Where it cannot be given away, jobs of its owner are the only ones in their containers (supervisor.sh).
    if (process.geteuid?.() === 0) tryTo(() => chownSync(jobs, strangerId, strangerId))
    shareBusybox(this.#options.busybox, join(control, 'busybox'))
    writeFileSync(join(control, 'supervise.sh'), this.#supervisor)
    writeFileSync(join(control, 'key'), `${key}\n`)
    for (const name of ['supervise.sh', 'key']) chmodSync(join(control, name), 0o644)
    const pipes = ['orders', 'go', 'output'].map(name => join(control, name))
    await promisify(execFile)(this.#options.busybox, ['mkfifo', ...pipes])
    for (const pipe of pipes) chmodSync(pipe, 0o666)
  }

  async adopt(): Promise<Result<Executor[], ExecutorFailure>> {
    const { engine, runnerId, workDir } = this.#options
    const listed = await engine.call('list its containers', (docker, abortSignal) =>
      docker.listContainers({
        all: true,
        filters: { label: [`${labels.runner}=${runnerId}`] },
        abortSignal,
      }),
    )
    if (!listed.ok) return fail({ reason: listed.failure.reason, message: listed.failure.message })
    const found = new Map<string, Executor>()
    for (const { Labels: own, ImageID } of listed.value) {
      const id = own[labels.executor]
      // A label may be anybody's.
      if (!isPathPart(id)) continue
      const executor = new DockerExecutor(this.#options, id, ImageID, own[labels.group] ?? '', true)
      // The work directory may have been another one then.
      const made = own[labels.directory] ?? executor.directory
      if (dirname(made) !== workDir && basename(made) === basename(executor.directory)) {
        if (!existsSync(dirname(made))) return fail(unreachable(executor.name, dirname(made)))
        if (existsSync(made)) executor.directory = made
      }
      found.set(id, executor)
    }
    // Directories whose container has gone, or was never made.
    for (const name of existsSync(workDir) ? readdirSync(workDir) : []) {
      if (!name.startsWith(`${runnerId}.`)) continue
      const id = name.slice(runnerId.length + 1)
      if (/^[0-9a-f]{32}$/.test(id) && !found.has(id))
        found.set(id, new DockerExecutor(this.#options, id, '', '', true))
    }
    return ok([...found.values()])
  }
}

function tryTo(act: () => void): void {
  try {
    act()
  } catch {
    // It is left as it was.
  }
}

const notStarted = ({ message }: EngineFailure) => fail({ reason: 'executor-not-started' as const, message })
const unreachable = (name: string, workDir: string) => ({
  reason: 'executor-lost' as const,
  message: `the container ${name} of an earlier start has its files in ${workDir}, which is not there: bring that back, or give its job up by \`docker rm -f ${name}\``,
})
/** Removes what was not started, or says that it could not be removed. */
async function leftOf(executor: Executor): Promise<{ left?: Executor }> {
  const removed = await executor.remove()
  return removed.ok ? {} : { left: executor }
}
