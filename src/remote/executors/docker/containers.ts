/*
 * The containers of a runner in Docker or podman. Each container has a directory in the work directory:
 *
 *   <work>/<runner>.<id>/control/   mounted read-only: the supervisor, its FIFOs, busybox
 *   <work>/<runner>.<id>/pipes/     mounted: the FIFOs, where the runtime opens none for writing on a
 *                                   read-only mount
 *   <work>/<runner>.<id>/jobs/      mounted: an exchange directory for each execution
 *   <work>/<runner>.<id>/account/   mounted read-only for plugins in Go: the certificate of the runner
 *   <work>/<runner>.<id>/orders     the FIFO of orders, moved here when the supervisor has opened it
 *   <work>/<runner>.<id>/logs/      the log of each execution
 *
 * With `network = job` it has a network too, which is made before it and removed after it (own-network.ts).
 *
 * The container is named after its directory and has a label with the id of the runner, so it is found again
 * even if the call that made it timed out. Several runners may share a work directory, so other files there
 * are left alone.
 */
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
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { makeDirectory } from '../../../system/durable-file.ts'
import { runProgram } from '../../../system/program.ts'
import { isPathPart } from '../../path-part.ts'
import type { Failure, SlotOptions } from '../executor.ts'
import { shareBusybox } from '../handover/busybox.ts'
import { supervisorFile } from '../handover/supervisor.ts'
import type { ImageFacts } from '../image.ts'
import { Container } from './container.ts'
import type { EngineFailure } from './engine.ts'
import { toFailure } from './failure.ts'
import { hasSdkOfGo } from './go-program.ts'
import { jobsMode } from './job-directories.ts'
import { labels } from './labels.ts'
import type { DockerOptions } from './options.ts'
import { createNetwork, networksOf, ownNetwork } from './own-network.ts'
import { makePluginFiles } from './plugin-files.ts'
import { containerSettings, strangerId } from './settings.ts'
import type { Way } from './staying-plugins.ts'

/** Seconds that a container may take to start. */
const startTimeout = 60

/** Why a container was not started, and the container if it could not be removed. */
export interface LaunchFailure extends Failure {
  left?: Container | undefined
}

export interface LaunchOptions extends SlotOptions {
  /** Whether its first job is a plugin: only then the program of an image is looked into. */
  plugin?: boolean | undefined
}

/** The containers of one runner in one engine. */
export class Containers {
  readonly #options: DockerOptions
  /**
   * The reasons why containers of an image can have no second job, by the id of the image. Later containers
   * need not find them out again.
   */
  readonly #unfit = new Map<string, string>()
  #enforcesDisk: boolean
  /** The supervisor of this release, read at once: an upgrade may replace the file. */
  readonly #supervisor = readFileSync(supervisorFile)

  constructor(options: DockerOptions) {
    this.#options = options
    // With other drivers the limit would count the image too, or have no effect.
    this.#enforcesDisk = /^overlay2?$/.test(options.disk.storage)
  }

  /** Starts a container, for one job or for several; resolves when it takes orders. */
  async launch(image: ImageFacts, how: LaunchOptions): Promise<Result<Container, LaunchFailure>> {
    const { engine, edges, plugins } = this.#options
    const { slotId, group, ephemeral, plugin } = how
    const known = this.#options.once ?? this.#unfit.get(image.id)
    const options = {
      ...this.#options,
      once: known ?? (ephemeral ? 'it was made for one job' : undefined),
      onUnfit: (imageId: string, why: string) => void this.#unfit.set(imageId, why),
    }
    const container = new Container(options, slotId, image.id, group)
    const way = options.once === undefined ? plugins.wayOf(image) : undefined
    try {
      await this.#makeFiles(container, way === 'unknown' ? undefined : way)
    } catch (error) {
      const left = await leftOf(container)
      const message = `the files of an executor cannot be made in ${container.directory}: ${errorText(error)}`
      return fail({ ...toFailure('executor-not-started', message), ...left })
    }
    const connected = await this.#connect(container)
    if (!connected.ok) return fail({ ...connected.failure, ...(await leftOf(container)) })
    const created = await this.#create(container, image, options)
    if (created.ok && plugin && way === 'unknown') {
      const hasSdk = await hasSdkOfGo(engine, container.name, image)
      if (hasSdk !== undefined) plugins.found(image.id, hasSdk)
      if (hasSdk) {
        // The container is made anew with the files that such a plugin needs.
        const removed = await container.remove()
        return removed.ok ? this.launch(image, how) : fail({ ...removed.failure, left: container })
      }
    }
    const started = created.ok
      ? await engine.call(
          'start a container',
          (docker, abortSignal) => docker.getContainer(container.name).start({ abortSignal }),
          startTimeout,
        )
      : created
    const listens = started.ok ? await container.ready(edges.clock) : notStarted(started.failure)
    // The FIFO is hidden before a job could find it.
    const ready = listens.ok ? container.orders.hide() : listens
    if (ready.ok) {
      rmSync(join(container.directory, 'control', 'key'), { force: true })
      return ok(container)
    }
    return fail({ ...ready.failure, ...(await leftOf(container)) })
  }

  /**
   * Whether the engine enforces disk_limit on the layers of containers; true until a container was refused
   * for it.
   */
  get enforcesDisk(): boolean {
    return this.#enforcesDisk
  }

  /**
   * Creates a container whose layer the engine limits, if it can. It can with overlay2 on XFS with pquota,
   * and shows that only by accepting the option.
   */
  async #create(
    container: Container,
    image: ImageFacts,
    options: DockerOptions,
  ): Promise<Result<unknown, EngineFailure>> {
    const { engine, settings } = options
    const own = containerSettings(container, image, options)
    const create = (more: object) =>
      engine.call(
        'create a container',
        (docker, abortSignal) =>
          docker.createContainer({ ...own, HostConfig: { ...own.HostConfig, ...more }, abortSignal }),
        startTimeout,
      )
    if (!this.#enforcesDisk) return create({})
    const created = await create({ StorageOpt: { size: String(settings.disk_limit) } })
    if (created.ok || created.failure.reason !== 'engine-refused') return created
    const without = await create({})
    if (without.ok) this.#enforcesDisk = false
    return without
  }

  async #connect(container: Container): Promise<Result<void, Failure>> {
    const { engine, runnerId } = this.#options
    return container.hasNetwork ? createNetwork(engine, container, runnerId) : ok(undefined)
  }

  async #makeFiles(container: Container, way: Way | undefined): Promise<void> {
    const { directory, key } = container
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
    // If the directory keeps its owner, a container whose jobs run as that user gets one job alone
    // (supervisor.sh).
    if (process.geteuid?.() === 0) tryTo(() => chownSync(jobs, strangerId, strangerId))
    shareBusybox(this.#options.busybox, join(control, 'busybox'), this.#options.ownKernel === true)
    writeFileSync(join(control, 'supervise.sh'), this.#supervisor)
    writeFileSync(join(control, 'key'), `${key}\n`)
    for (const name of ['supervise.sh', 'key']) chmodSync(join(control, name), 0o644)
    const folder = this.#options.ownKernel ? join(directory, 'pipes') : control
    if (folder !== control) makePipesFolder(folder)
    if (way !== undefined) makePluginFiles(container, way, this.#options.plugins)
    const names = ['orders', 'go', 'output', ...(way === undefined ? [] : ['wake'])]
    const pipes = names.map(name => join(folder, name))
    const made = await runProgram(this.#options.busybox, ['mkfifo', ...pipes])
    if (!made.ok) throw new Error(made.failure.message)
    for (const pipe of pipes) chmodSync(pipe, 0o666)
  }

  /**
   * The containers of this runner, those of earlier processes too: all with its label, running or not, and
   * directories and networks without a container.
   */
  async list(): Promise<Result<Container[], Failure>> {
    const { engine, settings, runnerId, workDir } = this.#options
    const listed = await engine.call('list its containers', (docker, abortSignal) =>
      docker.listContainers({
        all: true,
        filters: { label: [`${labels.runner}=${runnerId}`] },
        abortSignal,
      }),
    )
    if (!listed.ok) return fail(toFailure(listed.failure.reason, listed.failure.message))
    const found = new Map<string, Container>()
    for (const { Labels: own, ImageID } of listed.value) {
      const id = own[labels.executor]
      // Anybody may have set the label.
      if (!isPathPart(id)) continue
      const containerIn = (directory?: string) =>
        new Container(this.#options, id, ImageID, own[labels.group] ?? '', directory)
      let container = containerIn()
      // The work directory may have been another one when the container was made.
      const made = own[labels.directory] ?? container.directory
      if (dirname(made) !== workDir && basename(made) === basename(container.directory)) {
        if (!existsSync(dirname(made))) return fail(unreachable(container.name, dirname(made)))
        if (existsSync(made)) container = containerIn(made)
      }
      found.set(id, container)
    }
    // Directories whose container is gone or was never made.
    for (const name of existsSync(workDir) ? readdirSync(workDir) : []) {
      if (!name.startsWith(`${runnerId}.`)) continue
      const id = name.slice(runnerId.length + 1)
      if (/^[0-9a-f]{32}$/.test(id) && !found.has(id)) found.set(id, new Container(this.#options, id, '', ''))
    }
    const networks = await networksOf(engine, runnerId)
    // Something between runner and engine may allow no calls about networks. A runner without such networks
    // needs none.
    if (!networks.ok) return settings.network === ownNetwork ? networks : ok([...found.values()])
    for (const id of networks.value) {
      const container = found.get(id) ?? new Container(this.#options, id, '', '')
      container.hasNetwork = true
      found.set(id, container)
    }
    return ok([...found.values()])
  }
}

/**
 * Nothing but the FIFOs lies in this folder: a container may write to it. If it can be another user's, no job
 * can.
 */
function makePipesFolder(folder: string): void {
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  if (process.geteuid?.() === 0) tryTo(() => chownSync(folder, strangerId, strangerId))
}

function tryTo(act: () => void): void {
  try {
    act()
  } catch {
    // A failure changes nothing.
  }
}

const notStarted = ({ message }: EngineFailure) => fail(toFailure('executor-not-started', message))
const unreachable = (name: string, workDir: string) =>
  toFailure(
    'executor-lost',
    `the container ${name} of an earlier start has its files in ${workDir}, which is not there: ` +
      `bring that back, or give its job up by \`docker rm -f ${name}\``,
  )
/** Removes a container that was not started; returns it if that failed. */
async function leftOf(container: Container): Promise<{ left?: Container }> {
  const removed = await container.remove()
  return removed.ok ? {} : { left: container }
}
