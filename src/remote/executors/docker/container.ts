/*
 * One container, in which jobs run one after another, and its directory. Orders reach its supervisor through
 * a FIFO.
 */
import { join } from 'node:path'
import type { Clock } from '../../../edges.ts'
import { fail, ok, type Result } from '../../../result.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import { pathPart } from '../../path-part.ts'
import type { Failure, SlotRef } from '../executor.ts'
import type { ExitFacts } from '../handover/order.ts'
import { ContainerDisk } from './container-disk.ts'
import { EngineContainer } from './engine-container.ts'
import { toFailure } from './failure.ts'
import { JobDirectories } from './job-directories.ts'
import { nameOf } from './labels.ts'
import type { DockerOptions } from './options.ts'
import { Orders } from './orders.ts'
import { ownNetwork, removeNetwork } from './own-network.ts'
import type { SecretApi } from './secret-api.ts'

/** The directory of a container, which is removed with it. */
const directoryOf = ({ workDir, runnerId }: DockerOptions, id: string) =>
  join(workDir, `${runnerId}.${pathPart(id)}`)

/** Seconds until a supervisor must take orders, for a sweep, and between two looks. */
const timeouts = { ready: 120, sweep: 30, look: 0.005 }
const longestVerdict = 4096

export class Container {
  readonly id: string
  readonly imageId: string
  readonly group: string
  readonly name: string
  readonly directory: string
  readonly engineSide: EngineContainer
  readonly orders: Orders
  readonly jobs: JobDirectories
  readonly disk: ContainerDisk
  /**
   * The key with which orders begin. A container of an earlier process has another one, so it gets no new
   * orders.
   */
  readonly key: string
  readonly #options: DockerOptions
  unfit: string | undefined
  /** Whether a plugin can stay in it for further jobs. */
  hasGuests = false
  /** Tells such a plugin of changes, where the container itself does not. */
  secretApi: SecretApi | undefined
  /** Jobs that it has had. */
  served = 0
  /** Whether it has a network of its own; an earlier process may have had another value of `network`. */
  hasNetwork: boolean

  constructor(
    options: DockerOptions,
    id: string,
    imageId: string,
    group: string,
    directory: string = directoryOf(options, id),
  ) {
    this.#options = options
    this.id = id
    this.imageId = imageId
    this.group = group
    this.key = options.edges.chance.id().slice(0, 16)
    this.name = nameOf(id)
    this.directory = directory
    this.unfit = options.once
    this.hasNetwork = options.settings.network === ownNetwork
    const { chance, clock } = options.edges
    this.engineSide = new EngineContainer(this.name, options.engine, clock)
    this.orders = new Orders(directory, this.key, options.ownKernel ? 'pipes' : 'control')
    this.jobs = new JobDirectories(directory, options.runnerId, chance)
    this.disk = new ContainerDisk({
      engineSide: this.engineSide,
      folders: this.jobs.paths,
      disks: [directory, options.disk.root],
      busybox: options.busybox,
      clock,
    })
  }

  get ref(): SlotRef {
    return { id: this.id, key: this.imageId }
  }

  /** Waits until the supervisor takes orders. */
  async ready(clock: Clock): Promise<Result<void, Failure>> {
    const end = clock.monotonic() + timeouts.ready
    for (let look = 1; ; look++) {
      if (this.orders.areHeard()) return ok(undefined)
      const late = clock.monotonic() >= end
      if (late || look % 40 === 0) {
        const facts = await this.engineSide.facts()
        const died = facts.ok && !facts.value.running
        if (late || died) {
          const why = died
            ? `it ended with ${facts.value.exit_code ?? 'no'} status ${facts.value.error ?? ''}`.trim()
            : `it took no orders within ${timeouts.ready} s`
          return fail(toFailure('executor-not-started', `the container did not start: ${why}`))
        }
      }
      await clock.sleep(timeouts.look)
    }
  }

  /**
   * Empties the directories that jobs share. False: a job has changed something else, so the container has to
   * go.
   */
  async sweep(): Promise<boolean> {
    const { edges } = this.#options
    const id = edges.chance.id()
    const nonce = edges.chance.id()
    if (this.unfit !== undefined) return false
    try {
      using exchange = this.jobs.makeForSweep(id)
      if (!this.orders.sweep(id, nonce)) return false
      const end = edges.clock.monotonic() + timeouts.sweep
      const said = () => {
        const file = exchange.read('exit', longestVerdict)
        const text = file.ok ? file.value.bytes.toString() : ''
        return text.endsWith('\n') ? text : ''
      }
      while (said() === '' && edges.clock.monotonic() < end && this.orders.areHeard())
        await edges.clock.sleep(timeouts.look)
      const verdict = said()
      if (verdict.startsWith(`${nonce} unfit `)) {
        this.unfit = verdict.slice(nonce.length + 7).trimEnd()
        this.#options.onUnfit?.(this.imageId, this.unfit)
      }
      const isClean = verdict === `${nonce} clean\n`
      return isClean && (await this.jobs.remove(id, exchange.identity)) && this.jobs.isClean()
    } catch {
      return false
    }
  }

  /**
   * Takes what a job has shown of the plugin that can stay in it. In a container of an earlier process one
   * may have ended because its runner was gone.
   */
  note(plugin: ExitFacts['plugin']): void {
    if (!this.hasGuests || plugin === undefined) return
    const { plugins } = this.#options
    if (plugin === 'stays') plugins.stay(this.imageId)
    else this.hasGuests = plugin === 'left' && plugins.hasStayed(this.imageId)
    if (!this.hasGuests) plugins.leave(this.imageId)
  }

  /** Removes the container, its network and its files; succeeds if they are gone already. */
  async remove(): Promise<Result<void, Failure>> {
    const removed = await this.engineSide.remove()
    if (!removed.ok) return removed
    this.secretApi?.close()
    const closed = this.hasNetwork ? await removeNetwork(this.#options.engine, this.name) : removed
    const gone = await removeTree(this.directory)
    return gone.ok ? closed : fail(toFailure('files-left', gone.failure))
  }
}
