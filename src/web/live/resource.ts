/* What the page shows of the server, kept true by the server's changes. */
import { type Signal, signal } from '@preact/signals'
import type { CallError } from '../server.ts'
import type { Changes } from './changes.ts'
import type { Topic } from './stream.ts'

/** An answer of the server as it was last read. */
export interface Shown<T> {
  /** undefined: not read yet. */
  data: T | undefined
  /** Why the last read has failed; the data before it stay. */
  error: CallError | undefined
}

/** Which things of a topic matter, by their ids; all where it is left out. */
export type Fits = (id: string) => boolean

/**
 * Between the beginnings of two reads of one answer, in ms: a busy fleet changes all the time. A read is the fifth part of its
 * pause at most, so many pages that make the server slow read less often.
 */
const shortestPause = 200
const longestPause = 5000
const pauseOfRead = 5
/** After a read that has failed, in ms. */
const retryPause = 5000

/** One answer, read again when it is old, but never while nobody looks at the tab. */
export class Resource<T> {
  readonly shown: Signal<Shown<T>> = signal<Shown<T>>({ data: undefined, error: undefined })
  readonly #read: (signal: AbortSignal) => Promise<T>
  #reading: AbortController | undefined
  #isOld = false
  #readAt = Number.NEGATIVE_INFINITY
  #pause = shortestPause
  #timer: ReturnType<typeof setTimeout> | undefined
  #stop: (() => void) | undefined

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.#read = read
  }

  /** Keeps it true until the returned function is called. */
  follow(changes: Changes, topics: readonly Topic[], fits: Fits = () => true): () => void {
    const unsubscribe = changes.on(topics, change => {
      const id = change?.id ?? undefined
      if (id === undefined || fits(id)) this.refresh()
    })
    const look = () => {
      if (!document.hidden && this.#isOld) this.refresh()
    }
    document.addEventListener('visibilitychange', look)
    this.#stop = () => {
      unsubscribe()
      document.removeEventListener('visibilitychange', look)
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#reading?.abort()
    }
    this.refresh()
    return () => this.#stop?.()
  }

  /** Reads it again, soon; several calls are one. */
  refresh(): void {
    this.#isOld = true
    if (this.#timer !== undefined || this.#reading !== undefined || document.hidden) return
    const wait = Math.max(0, this.#readAt + this.#pause - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (!document.hidden) void this.#readOnce()
    }, wait)
  }

  async #readOnce(): Promise<void> {
    const reading = new AbortController()
    this.#reading = reading
    this.#isOld = false
    this.#readAt = performance.now()
    try {
      this.shown.value = { data: await this.#read(reading.signal), error: undefined }
    } catch (error) {
      if (reading.signal.aborted) return
      this.shown.value = { data: this.shown.value.data, error: error as CallError }
      // The connection may be lost without a word; the next change or look tries again, and so does time.
      this.#timer = setTimeout(() => {
        this.#timer = undefined
        this.refresh()
      }, retryPause)
    } finally {
      this.#reading = undefined
      const took = performance.now() - this.#readAt
      this.#pause = Math.min(longestPause, Math.max(shortestPause, pauseOfRead * took))
    }
    if (this.#isOld) this.refresh()
  }
}
