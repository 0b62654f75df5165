/* Measures the disk that one container uses, and the disk that is left. */
import { existsSync } from 'node:fs'
import type { Clock } from '../../../edges.ts'
import { defined } from '../../../result.ts'
import { freeBytes } from '../../../system/disk-free.ts'
import type { Measured } from './disk-guard.ts'
import { type DiskUse, namedUse, namelessUse, processesOf, together } from './disk-use.ts'
import type { EngineContainer, EngineSide } from './engine-container.ts'

/** Seconds for a look at all open files. */
const openFilesTimeout = 60

export interface ContainerDiskOptions {
  engineSide: EngineContainer
  /** The directories in which jobs write outside of the container's layer and its volumes. */
  folders: readonly string[]
  /** A path on each disk to which the container writes. */
  disks: readonly string[]
  /** The path of a static busybox. */
  busybox: string
  clock: Clock
}

export class ContainerDisk implements Measured {
  readonly #options: ContainerDiskOptions
  /** The id of the container and its writable mounts, once the engine has told them. */
  #writes: EngineSide | undefined

  constructor(options: ContainerDiskOptions) {
    this.#options = options
  }

  /**
   * The container's use of the disk, with all jobs and volumes. While the engine is away, the parts that only
   * the engine can measure are missing.
   */
  async use(): Promise<DiskUse> {
    const { engineSide, folders, busybox } = this.#options
    this.#writes ??= await engineSide.inspect()
    const { id, writable } = this.#writes ?? { id: undefined, writable: [] }
    const processes = id === undefined ? [] : await processesOf(id)
    // Each mount is looked for at the engine's path and at that of the container; this process may see
    // neither.
    const paths = writable.map(({ source, target }) =>
      [source, ...processes.slice(0, 1).map(pid => `/proc/${pid}/root${target}`)].find(path =>
        existsSync(path),
      ),
    )
    const seen = paths.filter(path => path !== undefined)
    const unseen =
      seen.length < paths.length ? ('files of volumes, and files without a name,' as const) : undefined
    const rest: DiskUse = { bytes: 0, ...defined({ unseen }) }
    const files = namedUse(busybox, [...folders, ...seen])
    return together(
      rest,
      ...(await Promise.all([files, this.#inTime(namelessUse(processes)), engineSide.layerUse()])),
    )
  }

  async #inTime(use: Promise<DiskUse>): Promise<DiskUse> {
    const over = new AbortController()
    const late = this.#options.clock.sleep(openFilesTimeout, over.signal)
    const missing = `its open files could not be looked at within ${openFilesTimeout} s`
    try {
      return await Promise.race([use, late.then(() => ({ bytes: 0, missing }))])
    } finally {
      over.abort()
    }
  }

  /** The free bytes of the disks to which the container writes. */
  free(): number {
    return this.#options.disks.reduce((sum, path) => sum + (freeBytes(path) ?? 0), 0)
  }
}
