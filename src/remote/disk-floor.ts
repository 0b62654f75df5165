import { statfsSync } from 'node:fs'
import type { EmitAttach } from './events.ts'

/** Free disk below which no work is taken. */
export class DiskFloor {
  /** Why none is taken; undefined where there is enough, as far as that can be known. */
  problem: string | undefined
  readonly #paths: () => readonly string[]
  readonly #least: number
  readonly #emit: EmitAttach
  readonly #low = new Set<string>()

  /** `paths` are directories; one that is not there is on another machine. `least` is in bytes. */
  constructor(paths: () => readonly string[], least: number, emit: EmitAttach) {
    this.#paths = paths
    this.#least = least
    this.#emit = emit
  }

  /** Looks again, and tells what has changed; true: there is too little. */
  isTooLow(): boolean {
    this.problem = undefined
    for (const path of this.#paths()) {
      const free = freeBytes(path)
      if (free === undefined) continue
      if (free < this.#least) {
        this.problem ??= `${path} has too little free disk`
        if (!this.#low.has(path)) this.#emit({ event: 'disk:low', path, free, least: this.#least })
        this.#low.add(path)
      } else if (this.#low.delete(path)) this.#emit({ event: 'disk:enough', path, free })
    }
    return this.problem !== undefined
  }
}

/** Bytes free on the disk of a directory; undefined where that cannot be known. */
export function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}
