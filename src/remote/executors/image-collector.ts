/*
 * Images that this runner has pulled itself, and when they were last wanted. Where the engine's disk fills up, those go
 * that nobody has wanted for longest. Every other image is somebody's, and stays.
 */
import { readFileSync, statfsSync } from 'node:fs'
import type { Clock } from '../../edges.ts'
import { ok, type Result } from '../../result.ts'
import { writeDurably } from '../durable.ts'
import type { Engine, EngineFailure } from './engine.ts'

/**
 * Shares of a disk: beyond the first images go until the second is reached; seconds for which one that was wanted stays
 * in any case. Kubelet's own defaults: imageGCHighThresholdPercent, imageGCLowThresholdPercent, imageMinimumGCAge.
 */
const limits = { high: 0.85, low: 0.8, youngest: 120 }

interface Pulled {
  /** With registry and tag. */
  reference: string
  /** What it was then. */
  id: string
  /** RFC 3339, UTC. */
  used_at: string
}

export interface CollectorOptions {
  engine: Engine
  /** Where the engine keeps its images; a path that is not there is on another machine, and nothing is removed. */
  root: string
  /** Which one it is: what another has is not known. */
  engineId: string
  /** The record. */
  path: string
  clock: Clock
  onRemoved(reference: string): void
}

export class ImageCollector {
  readonly #options: CollectorOptions
  #pulled: Pulled[]
  /** What has been wanted is not on record yet. */
  #stale = false
  #underWay: Promise<boolean> | undefined

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#pulled = read(options.path, options.engineId)
  }

  /** It was wanted now. */
  used(id: string): void {
    for (const one of this.#pulled.filter(one => one.id === id)) {
      one.used_at = this.#options.clock.now().toISOString()
      this.#stale = true
    }
  }

  /** It has been pulled; `before` is what had its name, undefined: nothing. What was somebody's stays that. */
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
   * Removes images until there is room, if there is too little; with `all` every one that may go. Resolves to whether one
   * has gone.
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
      // One of the future is old too: the clock was another one.
      if (age >= 0 && age < limits.youngest) continue
      const removed = await this.#remove(one)
      if (!removed.ok && removed.failure.reason !== 'not-found') {
        // A container uses it. An engine that is away is asked again a minute later.
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

  /** By its name, which is all that goes where somebody has given it another one; without any name by what it is. */
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
      // It has a name that somebody else has given it, and is theirs now.
      if ((found.value.RepoTags ?? []).length > 0) return ok(false)
      name = id
    }
    const removed = await engine.call(`remove the image ${reference}`, (docker, abortSignal) =>
      docker.getImage(name).remove({ abortSignal }),
    )
    return removed.ok ? ok(true) : removed
  }

  /** Share of the disk that is taken. */
  #used(): number {
    try {
      const { bavail, blocks } = statfsSync(this.#options.root)
      return 1 - bavail / blocks
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
      // What is not on record stays in the engine.
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
