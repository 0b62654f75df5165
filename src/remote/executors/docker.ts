/*
 * Executors in containers of Docker or podman. For each there is a directory of the work directory:
 *
 *   <work>/<runner>.<id>/control/   mounted read-only: FIFOs of the supervisor, busybox, itself
 *   <work>/<runner>.<id>/jobs/      mounted: a leaf for each execution
 *
 * (several runners may share a work directory, and what else is in it is nobody's here) and a container that is named
 * after it and carries the runner's name, so that a call which timed out but was heard
 * leaves nothing that cannot be found again.
 */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ContainerCreateOptions } from 'dockerode'
import type { ExecutorConfiguration } from '../../config/executor-section.ts'
import type { Edges } from '../../edges.ts'
import { makeDirectory } from '../../journal/files.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import type { Engine, EngineFailure } from './engine.ts'
import type { ContainerFacts, Executor, ExecutorFailure, Executors, Order, Place } from './executor.ts'
import { type ImageFailure, Images, type PullProgress } from './images.ts'
import { Leaf, type LeafIdentity } from './leaf.ts'
import type { ImageFacts } from './order.ts'
import { removeTree } from './remove-tree.ts'

/** Labels of every container: whose it is, which, of what runner group, and where its directory was made. */
export const labels = {
  runner: 'runner.uuid',
  executor: 'runner.executor',
  group: 'runner.group',
  directory: 'runner.directory',
} as const

/** What the container calls `control/` and `jobs/`. */
const inside = { control: '/.runner/control', jobs: '/.runner/jobs' }
const supervisorFile = join(import.meta.dirname, 'supervisor.sh')

/** Seconds that a container may take to start, and a supervisor to take orders. */
const startPatience = 60
const readyPatience = 20
const sweepPatience = 30
const lookEvery = 0.005
/** Bytes: more than an `exit` has. */
const roomForExit = 100

export interface DockerOptions {
  engine: Engine
  settings: ExecutorConfiguration
  /** Where the directories of executors are made. */
  workDir: string
  /** Whose the containers are. */
  runnerId: string
  /** A static one (busybox.ts). */
  busybox: string
  /** Of the engine's host. */
  processors: number
  edges: Edges
}

/** The directory of an executor, which goes with it. */
export const directoryOf = ({ workDir, runnerId }: DockerOptions, id: string) =>
  join(workDir, `${runnerId}.${id}`)

export class DockerExecutors implements Executors {
  readonly #options: DockerOptions
  readonly #images: Images
  /** Of this process's version: an upgrade may put another one in its place. */
  readonly #supervisor = readFileSync(supervisorFile)

  constructor(options: DockerOptions) {
    this.#options = options
    this.#images = new Images(options.engine, options.settings, options.edges.clock)
  }

  prepare(
    reference: string,
    onProgress?: (progress: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<Result<ImageFacts, ImageFailure>> {
    return this.#images.prepare(reference, onProgress, signal)
  }

  async launch(image: ImageFacts, group: string): Promise<Result<Executor, ExecutorFailure>> {
    const { engine, edges } = this.#options
    const executor = new DockerExecutor(this.#options, edges.chance.id(), image.id, group, false)
    try {
      await this.#makeFiles(executor.directory)
    } catch (error) {
      const left = await leftOf(executor)
      const message = `the files of an executor cannot be made in ${executor.directory}: ${errorText(error)}`
      return fail({ reason: 'executor-not-started', message, ...left })
    }
    const settings = containerSettings(executor, image, this.#options)
    const created = await engine.call(
      'create a container',
      (docker, abortSignal) => docker.createContainer({ ...settings, abortSignal }),
      startPatience,
    )
    const started = created.ok
      ? await engine.call(
          'start a container',
          (docker, abortSignal) => docker.getContainer(executor.name).start({ abortSignal }),
          startPatience,
        )
      : created
    const ready = started.ok ? await executor.ready(edges.clock) : notStarted(started.failure)
    if (ready.ok) {
      await executor.rememberLayer()
      return ok(executor)
    }
    return fail({ ...ready.failure, ...(await leftOf(executor)) })
  }

  async #makeFiles(directory: string): Promise<void> {
    const control = join(directory, 'control')
    const jobs = join(directory, 'jobs')
    makeDirectory(directory)
    for (const [path, mode] of [
      [control, 0o755],
      [jobs, 0o711],
    ] as const) {
      mkdirSync(path)
      chmodSync(path, mode)
    }
    try {
      linkSync(this.#options.busybox, join(control, 'busybox'))
    } catch {
      // Another disk.
      copyFileSync(this.#options.busybox, join(control, 'busybox'))
    }
    writeFileSync(join(control, 'supervise.sh'), this.#supervisor)
    chmodSync(join(control, 'supervise.sh'), 0o644)
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
      if (id === undefined) continue
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

const notStarted = ({ message }: EngineFailure) => fail({ reason: 'executor-not-started' as const, message })
const unreachable = (name: string, workDir: string) => ({
  reason: 'executor-lost' as const,
  message: `the container ${name} of an earlier start has its files in ${workDir}, which is not there: bring that back, or give its job up by \`docker rm -f ${name}\``,
})
const lost = (message: string) => fail({ reason: 'executor-lost' as const, message })

/** What the container gets. Everything that a job does not need is taken from it. */
function containerSettings(
  executor: { id: string; name: string; group: string; directory: string },
  image: ImageFacts,
  { settings, runnerId, processors, workDir }: DockerOptions,
): ContainerCreateOptions {
  const source = join(settings.host_work_dir ?? workDir, basename(executor.directory))
  const mount = (name: 'control' | 'jobs', readOnly: boolean) => ({
    Type: 'bind' as const,
    Source: join(source, name),
    Target: inside[name],
    ReadOnly: readOnly,
  })
  return {
    name: executor.name,
    Image: image.id,
    Entrypoint: [
      join(inside.control, 'busybox'),
      'sh',
      join(inside.control, 'supervise.sh'),
      ...image.volumes,
    ],
    Cmd: [],
    ...(settings.user === undefined ? {} : { User: settings.user }),
    Labels: {
      [labels.runner]: runnerId,
      [labels.executor]: executor.id,
      [labels.group]: executor.group,
      [labels.directory]: executor.directory,
    },
    Healthcheck: { Test: ['NONE'] },
    // A person's `docker stop` need not wait for a PID 1 that takes no signal.
    StopSignal: 'SIGKILL',
    HostConfig: {
      Mounts: [mount('control', true), mount('jobs', false)],
      // The image's volumes are made by the engine, with what the image has there, and go with the container.
      Tmpfs: Object.fromEntries(['/tmp', '/dev/shm'].map(path => [path, 'rw,exec,nosuid,nodev,mode=1777'])),
      NetworkMode: settings.network,
      ReadonlyRootfs: settings.read_only,
      CapDrop: ['ALL'],
      CapAdd: settings.cap_add,
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: settings.pids,
      Memory: settings.memory,
      MemorySwap: settings.memory,
      NanoCpus: Math.round(Math.min(settings.cpus, processors) * 1e9),
      // podman 4 takes none of its own over this socket.
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'nofile', Soft: 8192, Hard: 8192 },
        { Name: 'fsize', Soft: settings.disk_limit, Hard: settings.disk_limit },
      ],
      RestartPolicy: { Name: 'no' },
    },
  }
}

/** Removes what was not started, or says that it could not be removed. */
async function leftOf(executor: Executor): Promise<{ left?: Executor }> {
  const removed = await executor.remove()
  return removed.ok ? {} : { left: executor }
}

class DockerExecutor implements Executor {
  readonly id: string
  readonly image_id: string
  readonly group: string
  readonly adopted: boolean
  readonly name: string
  directory: string
  readonly #options: DockerOptions
  /** What of the image was changed before any job. */
  #layer: string | undefined

  constructor(options: DockerOptions, id: string, imageId: string, group: string, adopted: boolean) {
    this.#options = options
    this.id = id
    this.image_id = imageId
    this.group = group
    this.adopted = adopted
    this.name = `runner-${id}`
    this.directory = directoryOf(options, id)
  }

  get #jobs(): string {
    return join(this.directory, 'jobs')
  }

  /** Waits until the supervisor takes orders. */
  async ready(clock: Edges['clock']): Promise<Result<void, ExecutorFailure>> {
    const end = clock.monotonic() + readyPatience
    for (let look = 1; ; look++) {
      if (this.lives()) return ok(undefined)
      const late = clock.monotonic() >= end
      if (late || look % 40 === 0) {
        const facts = await this.facts()
        const died = facts.ok && !facts.value.running
        if (late || died) {
          const why = died
            ? `it ended with ${facts.value.exit_code ?? 'no'} status ${facts.value.error ?? ''}`.trim()
            : `it took no orders within ${readyPatience} s`
          return fail({ reason: 'executor-not-started', message: `the container did not get ready: ${why}` })
        }
      }
      await clock.sleep(lookEvery)
    }
  }

  async rememberLayer(): Promise<void> {
    this.#layer = await this.#changes()
  }

  makeLeaf(order: Order): Leaf {
    const leaf = Leaf.make(this.#jobs, order.execution_id)
    leaf.write('order', order.program, 0o644)
    if (order.input !== undefined) leaf.write('input', order.input, 0o644)
    leaf.write('log', '', 0o666)
    // Room for the end, on a disk that fills up.
    leaf.write('exit', `${' '.repeat(roomForExit)}\n`, 0o666)
    return leaf
  }

  openLeaf(executionId: string, place: Place): Result<Leaf, ExecutorFailure> {
    const leaf = Leaf.open(join(this.#jobs, executionId), place.leaf)
    return leaf.ok ? leaf : lost('the directory of the job is not there any more')
  }

  start({ execution_id, nonce, limit, grace, signal }: Order): Result<void, ExecutorFailure> {
    const hundredths = (seconds: number) => Math.min(Math.ceil(seconds * 100), 2 ** 40)
    const open = process.geteuid?.() === 0 ? 0 : 1
    const line = ['run', execution_id, nonce, hundredths(limit), hundredths(grace), signal, open].join(' ')
    return this.#say(line) ? ok(undefined) : lost('nobody takes orders in the container')
  }

  cancel(nonce: string): boolean {
    return this.#say(`abort ${nonce}`)
  }

  lives(): boolean {
    return this.#say('')
  }

  /** Writes a line into the FIFO; false where nobody has it open, or it is full. */
  #say(line: string): boolean {
    const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants
    let fd: number
    try {
      fd = openSync(join(this.directory, 'control', 'orders'), O_WRONLY | O_NONBLOCK | O_NOFOLLOW)
    } catch {
      return false
    }
    try {
      // Shorter than PIPE_BUF: it goes in whole or not at all.
      if (line !== '') writeSync(fd, `${line}\n`)
      return true
    } catch {
      return false
    } finally {
      closeSync(fd)
    }
  }

  takeLeaf(executionId: string, identity: LeafIdentity, path: string): void {
    renameSync(this.#leafAt(executionId, identity), path)
  }

  removeLeaf(executionId: string, identity: LeafIdentity): void {
    rmSync(this.#leafAt(executionId, identity), { recursive: true })
  }

  /** The path of a leaf; throws where something else has its name. */
  #leafAt(executionId: string, identity: LeafIdentity): string {
    const here = join(this.#jobs, executionId)
    const leaf = Leaf.open(here, identity)
    if (!leaf.ok) throw new Error(`${here} is not the directory that it was`)
    leaf.value[Symbol.dispose]()
    return here
  }

  async sweep(): Promise<boolean> {
    const { edges } = this.#options
    const id = edges.chance.id()
    const nonce = edges.chance.id()
    try {
      using leaf = Leaf.make(this.#jobs, id)
      if (!this.#say(`sweep ${id} ${nonce}`)) return false
      const end = edges.clock.monotonic() + sweepPatience
      const said = () => {
        const file = leaf.read('exit', 100)
        return file.ok ? file.value.bytes.toString() : ''
      }
      while (said() === '' && edges.clock.monotonic() < end && this.lives())
        await edges.clock.sleep(lookEvery)
      if (said() !== `${nonce} clean\n`) return false
      rmSync(join(this.#jobs, id), { recursive: true })
    } catch {
      return false
    }
    const { mode } = lstatSync(this.#jobs)
    if ((mode & 0o7777) !== 0o711 || readdirSync(this.#jobs).length > 0) return false
    return this.#layer !== undefined && (await this.#changes()) === this.#layer
  }

  /** What differs from the image, as text; undefined where the engine does not say. */
  async #changes(): Promise<string | undefined> {
    const changes = await this.#options.engine.call('say what has changed', (docker, abortSignal) =>
      docker.getContainer(this.name).changes({ abortSignal }),
    )
    if (!changes.ok) return undefined
    // In no order of its own.
    return (changes.value ?? [])
      .map(({ Path, Kind }) => `${Kind} ${Path}`)
      .sort()
      .join('\n')
  }

  async facts(): Promise<Result<ContainerFacts, ExecutorFailure>> {
    const found = await this.#options.engine.call('look at a container', (docker, abortSignal) =>
      docker.getContainer(this.name).inspect({ abortSignal }),
    )
    if (!found.ok)
      return found.failure.reason === 'not-found'
        ? ok({ running: false, error: 'it has been removed' })
        : fail({ reason: 'executor-lost', message: found.failure.message })
    const { Running, ExitCode, OOMKilled, Error: error } = found.value.State
    return ok({
      running: Running,
      ...(Running ? {} : { exit_code: ExitCode }),
      out_of_memory: OOMKilled,
      ...(error ? { error } : {}),
    })
  }

  async ranOutOfMemory(since: Date): Promise<boolean> {
    const { engine, edges } = this.#options
    const heard = await engine.call('tell its events', async (docker, abortSignal) => {
      const until = edges.clock.now().getTime() / 1000
      const stream = await docker.getEvents({
        since: (since.getTime() / 1000 - 1).toFixed(3),
        until: until.toFixed(3),
        filters: { type: ['container'], event: ['oom'], container: [this.name] },
        abortSignal,
      })
      let text = ''
      for await (const chunk of stream) text += String(chunk)
      return text
    })
    return heard.ok && heard.value.includes('oom')
  }

  async diskUse(executionId: string): Promise<number | undefined> {
    const { engine } = this.#options
    const found = await engine.call('measure a container', (docker, abortSignal) =>
      docker.getContainer(this.name).inspect({ size: true, abortSignal }),
    )
    if (!found.ok) return undefined
    const leaf = await sizeOf(this.#options.busybox, join(this.#jobs, executionId))
    return leaf === undefined ? undefined : leaf + (found.value.SizeRw ?? 0)
  }

  async kill(): Promise<Result<void, ExecutorFailure>> {
    const killed = await this.#options.engine.call('kill a container', (docker, abortSignal) =>
      docker.getContainer(this.name).kill({ signal: 'SIGKILL', abortSignal }),
    )
    if (killed.ok || killed.failure.reason === 'not-found' || killed.failure.reason === 'conflict')
      return ok(undefined)
    return fail({ reason: 'executor-lost', message: killed.failure.message })
  }

  async remove(): Promise<Result<void, ExecutorFailure>> {
    const removed = await this.#options.engine.call(
      'remove a container',
      (docker, abortSignal) => docker.getContainer(this.name).remove({ force: true, v: true, abortSignal }),
      startPatience,
    )
    if (!removed.ok && removed.failure.reason !== 'not-found')
      return fail({ reason: 'executor-lost', message: removed.failure.message })
    const gone = await removeTree(this.directory)
    return gone.ok ? gone : fail({ reason: 'executor-lost', message: gone.failure })
  }
}

/** Bytes on disk of what is in a directory; undefined where that takes too long to say. */
async function sizeOf(busybox: string, path: string): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)(busybox, ['du', '-sk', path], { timeout: 20_000 })
    return Number.parseInt(stdout, 10) * 1024
  } catch {
    return undefined
  }
}
