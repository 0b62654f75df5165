/*
 * The images whose plugins could have stayed for further jobs and did not. A file in the state directory
 * keeps them: without it, each start of the runner would wait for such a plugin again, for a minute at the
 * worst.
 */
import { readFileSync } from 'node:fs'
import type { Clock } from '../../../edges.ts'
import { writeDurably } from '../../../system/durable-file.ts'

/** Seconds after which an image is tried again: the host may have been too busy for its plugin. */
const keptFor = 24 * 3600
/** The most images in the file; the latest stay. */
const mostImages = 1000

interface Leaving {
  /** The id of the image. */
  id: string
  /** The time in RFC 3339, UTC. */
  at: string
}

export class LeavingImages {
  readonly #path: string
  readonly #clock: Clock
  #images: Leaving[]

  /** `path`: the file, which need not exist. One that cannot be read counts as empty. */
  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
    this.#images = read(path)
  }

  /** Whether the plugin of an image did not stay within the last 24 hours. */
  has(id: string): boolean {
    return this.#images.some(one => one.id === id && this.#counts(one))
  }

  /**
   * Notes that the plugin of an image did not stay. The note is durable when this returns, if it can be
   * written.
   */
  add(id: string): void {
    const at = this.#clock.now().toISOString()
    const others = this.#images.filter(one => one.id !== id && this.#counts(one))
    this.#images = [...others, { id, at }].slice(-mostImages)
    try {
      writeDurably(this.#path, JSON.stringify({ images: this.#images }))
    } catch {
      // This process knows it all the same; the next one finds it out again.
    }
  }

  /** A time in the future counts as long ago: the clock has been set back since. */
  #counts({ at }: Leaving): boolean {
    const age = (this.#clock.now().getTime() - Date.parse(at)) / 1000
    return age >= 0 && age < keptFor
  }
}

function read(path: string): Leaving[] {
  try {
    const { images } = JSON.parse(readFileSync(path, 'utf8')) as { images?: unknown }
    return Array.isArray(images) ? images.filter(isLeaving) : []
  } catch {
    return []
  }
}

const isLeaving = (one: Partial<Leaving> | null): one is Leaving =>
  [one?.id, one?.at].every(text => typeof text === 'string')
