/*
 * Remembers the images that this runner has pulled itself, and when each was last used. When the engine's
 * disk fills up, those that have not been used for longest are removed. Every other image may belong to
 * somebody, so it stays.
 */

import { readFileSync } from 'node:fs'
import type { Clock } from '../../../edges.ts'
import { ok, type Result } from '../../../result.ts'
import { diskSpace } from '../../../system/disk-free.ts'
import { writeDurably } from '../../../system/durable-file.ts'
import type { Engine, EngineFailure } from './engine.ts'

/**
 * When the used share of the disk exceeds `high`, images are removed until it is below `low`. An image that
 * was used within `youngest` seconds stays. The values are the defaults of the kubelet:
 * imageGCHighThresholdPercent, imageGCLowThresholdPercent, imageMinimumGCAge.
 */
const limits = { high: 0.85, low: 0.8, youngest: 120 }

interface Pulled {
  /** The reference, with registry and tag. */
  reference: string
  /** The id of the image at that time. */
  id: string
  /** RFC 3339, UTC. */
  used_at: string
}

export interface CollectorOptions {
  engine: Engine
  /**
   * The directory in which the engine keeps its images. If it does not exist, the engine is on another
   * machine, and nothing is removed.
   */
  root: string
  /** The id of the engine: the record of another engine's images is ignored. */
  engineId: string
  /** The file of the record. */
  path: string
  clock: Clock
  onRemoved(reference: string): void
}

export class ImageCollector {
  readonly #options: CollectorOptions
  #pulled: Pulled[]
  /** Whether times of use are not in the file yet. */
  #stale = false
  #underWay: Promise<boolean> | undefined

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#pulled = read(options.path, options.engineId)
  }

  /** Notes that an image is used now. */
  used(id: string): void {
    for (const one of this.#pulled.filter(one => one.id === id)) {
      one.used_at = this.#options.clock.now().toISOString()
      this.#stale = true
    }
  }

  /**
   * Notes that an image was pulled. `before` is the id of the image that had the reference; undefined: none.
   * If that image was not pulled by this runner, the reference belongs to somebody else and is not recorded.
   */
  pulled(reference: string, id: string, before: string | undefined): void {
    const has = (id: string) => this.#pulled.some(one => one.reference === reference && one.id === id)
    if (before !== undefined && !has(before)) return
    if (!has(id)) {
      this.#pulled.push({ reference, id, used_at: this.#options.clock.now().toISOString() })
      this.#write()
    }
    this.used(id)
  }

  /**
   * Removes images until there is enough room, or with `all` every image that may be removed. Resolves to
   * whether an image was removed.
   */
  collect({ all = false } = {}): Promise<boolean> {
    this.#underWay ??= this.#collect(all).finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #collect(all: boolean): Promise<boolean> {
    if (this.#stale) this.#write()
    let gone = false
    if (!all && this.#used() < limits.high) return gone
    for (const one of this.#pulled.toSorted((a, b) => (a.used_at < b.used_at ? -1 : 1))) {
      const age = (this.#options.clock.now().getTime() - Date.parse(one.used_at)) / 1000
      // A time in the future counts as old: the clock has been set back since.
      if (age >= 0 && age < limits.youngest) continue
      const removed = await this.#remove(one)
      if (!removed.ok && removed.failure.reason !== 'not-found') {
        // `conflict`: a container uses the image. Any other failure ends this round; the next one is a minute
        // later.
        if (removed.failure.reason === 'conflict') continue
        return gone
      }
      this.#pulled = this.#pulled.filter(other => other !== one)
      this.#write()
      if (!removed.ok || !removed.value) continue
      this.#options.onRemoved(one.reference)
      gone = true
      if (!all && this.#used() < limits.low) return gone
    }
    return gone
  }

  /**
   * Removes an image by its name: if it has other names too, only this name is removed. An image that has
   * lost its name is removed by its id, unless it has got another name.
   */
  async #remove({ reference, id }: Pulled): Promise<Result<boolean, EngineFailure>> {
    const { engine } = this.#options
    const named = await engine.call(`look up the image ${reference}`, (docker, abortSignal) =>
      docker.inspectImage(reference, abortSignal),
    )
    if (!named.ok && named.failure.reason !== 'not-found') return named
    let name = reference
    if (!named.ok || named.value.Id !== id) {
      const found = await engine.call(`look up the image ${id}`, (docker, abortSignal) =>
        docker.inspectImage(id, abortSignal),
      )
      if (!found.ok) return found
      // Somebody else has given the image a name, so it is theirs now.
      if ((found.value.RepoTags ?? []).length > 0) return ok(false)
      name = id
    }
    const removed = await engine.call(`remove the image ${reference}`, (docker, abortSignal) =>
      docker.getImage(name).remove({ abortSignal }),
    )
    return removed.ok ? ok(true) : removed
  }

  /** The used share of the disk. */
  #used(): number {
    try {
      const { free, size } = diskSpace(this.#options.root)
      return 1 - free / size
    } catch {
      return 0
    }
  }

  #write(): void {
    try {
      const { path, engineId } = this.#options
      writeDurably(path, JSON.stringify({ engine: engineId, images: this.#pulled }))
      this.#stale = false
    } catch {
      // An image that is not recorded is never removed, which does no harm.
    }
  }
}

function read(path: string, engineId: string): Pulled[] {
  try {
    const { engine, images } = JSON.parse(readFileSync(path, 'utf8')) as { engine?: string; images?: unknown }
    return engine === engineId && Array.isArray(images) ? images.filter(isPulled) : []
  } catch {
    return []
  }
}

const isPulled = (one: Partial<Pulled> | null): one is Pulled =>
  [one?.reference, one?.id, one?.used_at].every(text => typeof text === 'string')
