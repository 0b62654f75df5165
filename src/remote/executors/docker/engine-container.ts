/* The calls to the engine about one container. */
import type { Edges } from '../../../edges.ts'
import { defined, fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'
import type { DiskUse } from './disk-use.ts'
import type { Engine } from './engine.ts'
import { toFailure } from './failure.ts'

/** Seconds in which the engine must remove, or measure, a container. */
const timeouts = { removal: 60, size: 60 }

/** The state of a container, as the engine tells it. */
export interface ContainerFacts {
  running: boolean
  /** Absent while the container runs, and if it is gone. */
  exit_code?: number
  out_of_memory?: boolean
  /** Why the engine could not run the container. */
  error?: string
}

/** The engine's id of a container, and its writable mounts. */
export interface EngineSide {
  id: string
  /**
   * The files and directories outside of its layer and its jobs: the engine's paths, and those in the
   * container.
   */
  writable: { source: string; target: string }[]
}

export class EngineContainer {
  readonly name: string
  readonly #engine: Engine
  readonly #clock: Edges['clock']

  constructor(name: string, engine: Engine, clock: Edges['clock']) {
    this.name = name
    this.#engine = engine
    this.#clock = clock
  }

  async facts(): Promise<Result<ContainerFacts, Failure>> {
    const found = await this.#engine.call('look at a container', (docker, abortSignal) =>
      docker.getContainer(this.name).inspect({ abortSignal }),
    )
    if (!found.ok)
      return found.failure.reason === 'not-found'
        ? ok({ running: false, error: 'it has been removed' })
        : fail(toFailure('executor-lost', found.failure.message))
    const { Running, ExitCode, OOMKilled, Error: error } = found.value.State
    return ok({
      running: Running,
      out_of_memory: OOMKilled,
      ...defined({ exit_code: Running ? undefined : ExitCode, error: error || undefined }),
    })
  }

  /**
   * Whether the kernel has killed a process of the container since then because memory ran out. An engine may
   * tell so after it has told of the end of the container: it has `patience` seconds from now on.
   */
  async ranOutOfMemory(since: Date, patience = 0): Promise<boolean> {
    const heard = await this.#engine.call('tell its events', async (docker, abortSignal) => {
      const until = this.#clock.now().getTime() / 1000 + patience
      const stream = await docker.getEvents({
        since: (since.getTime() / 1000 - 1).toFixed(3),
        until: until.toFixed(3),
        filters: { type: ['container'], event: ['oom'], container: [this.name] },
        abortSignal,
      })
      // A chunk may end within an event.
      let text = ''
      for await (const chunk of stream) {
        text += String(chunk)
        if (text.includes('oom')) return true
      }
      return false
    })
    return heard.ok && heard.value
  }

  /** Undefined if the engine does not answer. */
  async inspect(): Promise<EngineSide | undefined> {
    const found = await this.#engine.call('look at a container', (docker, abortSignal) =>
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

  /** The bytes that the container has changed of its image, as the engine counts them. */
  async layerUse(): Promise<DiskUse> {
    const found = await this.#engine.call(
      'measure a container',
      (docker, abortSignal) => docker.getContainer(this.name).inspect({ size: true, abortSignal }),
      timeouts.size,
    )
    if (found.ok) return { bytes: found.value.SizeRw ?? 0 }
    // The job is not to blame for an engine that is away.
    const away = found.failure.reason !== 'engine-timeout' || !(await this.facts()).ok
    return away ? { bytes: 0 } : { bytes: 0, missing: found.failure.message }
  }

  /** Kills the container, which is still to be removed. */
  async kill(): Promise<Result<void, Failure>> {
    const killed = await this.#engine.call('kill a container', (docker, abortSignal) =>
      docker.getContainer(this.name).kill({ signal: 'SIGKILL', abortSignal }),
    )
    if (killed.ok || killed.failure.reason === 'not-found' || killed.failure.reason === 'conflict')
      return ok(undefined)
    return fail(toFailure('executor-lost', killed.failure.message))
  }

  /** Removes the container; succeeds if it is gone already. */
  async remove(): Promise<Result<void, Failure>> {
    const removed = await this.#engine.call(
      'remove a container',
      (docker, abortSignal) => docker.getContainer(this.name).remove({ force: true, v: true, abortSignal }),
      timeouts.removal,
    )
    return removed.ok || removed.failure.reason === 'not-found'
      ? ok(undefined)
      : fail(toFailure('executor-lost', removed.failure.message))
  }
}
