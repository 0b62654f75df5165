import { freeBytes } from '../../system/disk-free.ts'
import type { EmitAttach } from '../events.ts'

export interface DiskFloorOptions {
  /** Directories of which only the path is known, and disks of which somebody else has said what is free. */
  disks(): readonly { path: string; free?: number | undefined }[]
  /** Bytes. */
  least: number
  emit: EmitAttach
}

/** Free disk below which no work is taken. */
export class DiskFloor {
  readonly #options: DiskFloorOptions
  readonly #low = new Set<string>()
  #problem: string | undefined

  constructor(options: DiskFloorOptions) {
    this.#options = options
  }

  /** Why none is taken; undefined where there is enough, as far as that can be known. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Looks again, and tells what has changed; true: there is too little. */
  isTooLow(): boolean {
    const { disks, least, emit } = this.#options
    this.#problem = undefined
    for (const { path, free: said } of disks()) {
      // The free space now, if the path is on this machine; else the reported one.
      const free = freeBytes(path) ?? said
      if (free === undefined) continue
      if (free < least) {
        this.#problem ??= `${path} has too little free disk`
        if (!this.#low.has(path)) emit({ event: 'disk:low', path, free, least })
        this.#low.add(path)
      } else if (this.#low.delete(path)) emit({ event: 'disk:enough', path, free })
    }
    return this.#problem !== undefined
  }
}
