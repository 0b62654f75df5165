/* One container in which jobs run, one after the other, and its directory. */
import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ExecutorConfiguration } from '../../config/executor-section.ts'
import type { Edges } from '../../edges.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { freeBytes } from '../disk-floor.ts'
import { pathPart } from '../path-part.ts'
import { type DiskUse, namedUse, namelessUse, processesOf, together } from './disk-use.ts'
import type { Engine, EngineFacts } from './engine.ts'
import {
  type ContainerFacts,
  type Executor,
  type ExecutorFailure,
  type Order,
  type Place,
  shelfName,
} from './executor.ts'
import type { ImageCollector } from './image-collector.ts'
import { Leaf, type LeafIdentity } from './leaf.ts'
import { halfOf } from './order.ts'
import { removeTree } from './remove-tree.ts'

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
  /** Why no container may have a second job, whatever the first one does; absent where it may. */
  once?: string | undefined
  /** Hears of an image whose containers can have no second job. */
  onUnfit?: ((imageId: string, why: string) => void) | undefined
  /** How and where the engine keeps containers. */
  disk: Pick<EngineFacts, 'storage' | 'root'>
  /** Hears which images are pulled and wanted; without it none is ever removed. */
  collector?: ImageCollector | undefined
  edges: Edges
}

interface Container {
  id: string
  /** What it can write to beside its layer and its jobs: the engine's paths and its own. */
  writable: { source: string; target: string }[]
}

/** The directory of an executor, which goes with it. */
export const directoryOf = ({ workDir, runnerId }: DockerOptions, id: string) =>
  join(workDir, `${runnerId}.${pathPart(id)}`)

/** Seconds: for a supervisor to take orders, for a sweep, between two looks; for the engine to remove and to measure. */
const patience = { ready: 120, sweep: 30, look: 0.005, removal: 60, size: 60 }
/** Of the directory in which leaves are: a job can look into it, and not write to it. */
export const jobsMode = 0o755
/** Bytes: more than an `exit` has. */
const roomForExit = 100
const longestVerdict = 4096

const lost = (message: string) => fail({ reason: 'executor-lost' as const, message })

export class DockerExecutor implements Executor {
  readonly id: string
  readonly image_id: string
  readonly group: string
  readonly adopted: boolean
  readonly name: string
  directory: string
  /** With what orders begin; an adopted one gets no more of them. */
  readonly key: string
  readonly #options: DockerOptions
  unfit: string | undefined
  /** Of its container, once the engine has said them. */
  #container: Container | undefined

  constructor(options: DockerOptions, id: string, imageId: string, group: string, adopted: boolean) {
    this.#options = options
    this.id = id
    this.image_id = imageId
    this.group = group
    this.adopted = adopted
    this.key = options.edges.chance.id().slice(0, 16)
    this.name = `runner-${id}`
    this.directory = directoryOf(options, id)
    this.unfit = options.once
  }

  get #jobs(): string {
    return join(this.directory, 'jobs')
  }

  #pathOf(executionId: string): string {
    return join(this.#jobs, pathPart(executionId))
  }

  /** The log of a job by a name that no container sees: what is read is what the pump of the supervisor has written. */
  #logOf(executionId: string): string {
    return join(this.#logs, pathPart(executionId))
  }

  /** The FIFO where the supervisor opens it. */
  get #ordersInside(): string {
    return join(this.directory, 'control', 'orders')
  }

  /** The same FIFO where no container sees it, so that no job can fill it. */
  get #orders(): string {
    return join(this.directory, 'orders')
  }

  /** Takes the FIFO, which the supervisor has opened, out of the container's sight. */
  hideOrders(): Result<void, ExecutorFailure> {
    try {
      renameSync(this.#ordersInside, this.#orders)
      return ok(undefined)
    } catch (error) {
      const message = `the FIFO of orders cannot be moved in ${this.directory}: ${errorText(error)}`
      return fail({ reason: 'executor-not-started', message })
    }
  }

  get #logs(): string {
    return join(this.directory, 'logs')
  }

  /** Waits until the supervisor takes orders. */
  async ready(clock: Edges['clock']): Promise<Result<void, ExecutorFailure>> {
    const end = clock.monotonic() + patience.ready
    for (let look = 1; ; look++) {
      if (this.lives()) return ok(undefined)
      const late = clock.monotonic() >= end
      if (late || look % 40 === 0) {
        const facts = await this.facts()
        const died = facts.ok && !facts.value.running
        if (late || died) {
          const why = died
            ? `it ended with ${facts.value.exit_code ?? 'no'} status ${facts.value.error ?? ''}`.trim()
            : `it took no orders within ${patience.ready} s`
          return fail({ reason: 'executor-not-started', message: `the container did not get ready: ${why}` })
        }
      }
      await clock.sleep(patience.look)
    }
  }

  makeLeaf(order: Order): Leaf {
    const leaf = Leaf.make(this.#jobs, order.execution_id)
    leaf.write('order', order.program, 0o644)
    if (order.input !== undefined) leaf.write('input', order.input, 0o644)
    // The supervisor opens the log and removes its name, before the job starts.
    leaf.write('log', '', 0o666)
    linkSync(join(leaf.path, 'log'), this.#logOf(order.execution_id))
    // Room for the end, on a disk that fills up.
    leaf.write('exit', `${' '.repeat(roomForExit)}\n`, 0o666)
    return leaf
  }

  openLeaf(executionId: string, place: Place): Result<Leaf, ExecutorFailure> {
    const leaf = Leaf.open(this.#pathOf(executionId), place.leaf)
    return leaf.ok ? leaf : lost('the directory of the job is not there any more')
  }

  start({ execution_id, nonce, limit, grace, signal }: Order): Result<void, ExecutorFailure> {
    const hundredths = (seconds: number) => Math.min(Math.ceil(seconds * 100), 2 ** 40)
    const open = process.geteuid?.() === 0 ? 0 : 1
    const line = [
      'run',
      this.key,
      execution_id,
      nonce,
      hundredths(limit),
      hundredths(grace),
      signal,
      open,
    ].join(' ')
    return this.#say(line) ? ok(undefined) : lost('nobody takes orders in the container')
  }

  cancel(nonce: string): boolean {
    return this.#say(`abort ${halfOf(nonce)}`)
  }

  lives(): boolean {
    return this.#say('')
  }

  /** Writes a line into the FIFO; false where nobody has it open, or it is full. */
  #say(line: string): boolean {
    const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants
    let fd: number
    try {
      // An executor of an earlier release has it inside only.
      const path = existsSync(this.#orders) ? this.#orders : this.#ordersInside
      fd = openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW)
    } catch {
      return false
    }
    try {
      // Shorter than PIPE_BUF: it goes in whole or not at all.
      if (line !== '') writeSync(fd, `\n${line}\n`)
      return true
    } catch {
      return false
    } finally {
      closeSync(fd)
    }
  }

  openLog(executionId: string, leaf: Leaf): Result<number, unknown> {
    try {
      return ok(openSync(this.#logOf(executionId), constants.O_RDONLY | constants.O_NOFOLLOW))
    } catch {
      // A job of an earlier release, or one whose leaf was about to be taken.
      return leaf.openFile('log')
    }
  }

  takeLeaf(executionId: string, identity: LeafIdentity, path: string): void {
    const here = this.#pathOf(executionId)
    const opened = Leaf.open(here, identity)
    if (!opened.ok) throw new Error(`the directory of ${executionId} is not what it was`)
    using leaf = opened.value
    const log = this.#logOf(executionId)
    if (existsSync(log)) {
      const inside = join(leaf.path, 'log')
      // What the job has made under that name, of whatever kind.
      if (lstatSync(inside, { throwIfNoEntry: false }) !== undefined)
        renameSync(inside, join(leaf.path, this.#options.edges.chance.id()))
      renameSync(log, inside)
    }
    renameSync(here, path)
  }

  shelf(executionId: string): string {
    return join(dirname(this.directory), `${this.#options.runnerId}${shelfName(pathPart(executionId))}`)
  }

  async removeLeaf(executionId: string, identity: LeafIdentity): Promise<boolean> {
    // Out of the container's reach first: who is alive there could put a link in its place meanwhile.
    const away = join(this.directory, this.#options.edges.chance.id())
    try {
      this.takeLeaf(executionId, identity, away)
    } catch {
      return false
    }
    return (await removeTree(away)).ok
  }

  async sweep(): Promise<boolean> {
    const { edges } = this.#options
    const id = edges.chance.id()
    const nonce = edges.chance.id()
    if (this.unfit !== undefined) return false
    try {
      using leaf = Leaf.make(this.#jobs, id)
      if (!this.#say(`sweep ${this.key} ${id} ${nonce}`)) return false
      const end = edges.clock.monotonic() + patience.sweep
      const said = () => {
        const file = leaf.read('exit', longestVerdict)
        const text = file.ok ? file.value.bytes.toString() : ''
        return text.endsWith('\n') ? text : ''
      }
      while (said() === '' && edges.clock.monotonic() < end && this.lives())
        await edges.clock.sleep(patience.look)
      const verdict = said()
      if (verdict.startsWith(`${nonce} unfit `)) {
        this.unfit = verdict.slice(nonce.length + 7).trimEnd()
        this.#options.onUnfit?.(this.image_id, this.unfit)
      }
      if (verdict !== `${nonce} clean\n` || !(await this.removeLeaf(id, leaf.identity))) return false
    } catch {
      return false
    }
    const { mode } = lstatSync(this.#jobs)
    if ((mode & 0o7777) !== jobsMode) return false
    // The files of a job that it has moved away.
    return [this.#jobs, this.#logs].every(folder => readdirSync(folder).length === 0)
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

  async diskUse(): Promise<DiskUse> {
    this.#container ??= await this.#inspect()
    const { id, writable } = this.#container ?? { id: undefined, writable: [] }
    const processes = id === undefined ? [] : await processesOf(id)
    // By the engine's path, else as the container has it; neither is there for everybody.
    const paths = writable.map(({ source, target }) =>
      [source, ...processes.slice(0, 1).map(pid => `/proc/${pid}/root${target}`)].find(path =>
        existsSync(path),
      ),
    )
    const seen = paths.filter(path => path !== undefined)
    const rest: DiskUse = {
      bytes: 0,
      ...(seen.length < paths.length ? { unseen: 'files of volumes, and files without a name,' } : {}),
    }
    const files = namedUse(this.#options.busybox, [this.#jobs, this.#logs, ...seen])
    return together(
      rest,
      ...(await Promise.all([files, this.#inTime(namelessUse(processes)), this.#layerUse()])),
    )
  }

  async #inTime(use: Promise<DiskUse>): Promise<DiskUse> {
    const over = new AbortController()
    const late = this.#options.edges.clock.sleep(patience.size, over.signal)
    const missing = `its open files could not be looked at within ${patience.size} s`
    try {
      return await Promise.race([use, late.then(() => ({ bytes: 0, missing }))])
    } finally {
      over.abort()
    }
  }

  freeDisk(): number {
    return [this.directory, this.#options.disk.root].reduce((sum, path) => sum + (freeBytes(path) ?? 0), 0)
  }

  /** Undefined where the engine does not say. */
  async #inspect(): Promise<Container | undefined> {
    const found = await this.#options.engine.call('look at a container', (docker, abortSignal) =>
      docker.getContainer(this.name).inspect({ abortSignal }),
    )
    if (!found.ok) return undefined
    const { Id, Mounts, HostsPath, HostnamePath, ResolvConfPath } = found.value
    const volumes = Mounts.filter(({ Type }) => Type === 'volume').map(({ Source, Destination }) => ({
      source: Source,
      target: Destination,
    }))
    const files = [
      { source: HostsPath, target: '/etc/hosts' },
      { source: HostnamePath, target: '/etc/hostname' },
      { source: ResolvConfPath, target: '/etc/resolv.conf' },
    ]
    return { id: Id, writable: [...volumes, ...files.filter(({ source }) => source !== '')] }
  }

  /** What it changed of the image, by the engine's word. */
  async #layerUse(): Promise<DiskUse> {
    const found = await this.#options.engine.call(
      'measure a container',
      (docker, abortSignal) => docker.getContainer(this.name).inspect({ size: true, abortSignal }),
      patience.size,
    )
    if (found.ok) return { bytes: found.value.SizeRw ?? 0 }
    // One that is away is not the job's doing.
    const away = found.failure.reason !== 'engine-timeout' || !(await this.facts()).ok
    return away ? { bytes: 0 } : { bytes: 0, missing: found.failure.message }
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
      patience.removal,
    )
    if (!removed.ok && removed.failure.reason !== 'not-found')
      return fail({ reason: 'executor-lost', message: removed.failure.message })
    const gone = await removeTree(this.directory)
    return gone.ok ? gone : fail({ reason: 'files-left', message: gone.failure })
  }
}
