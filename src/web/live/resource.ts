/* The data of the server that the page shows, kept up to date by the server's changes. */
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

/** Which changes make an answer old, and how often it is read for their sake. */
export interface Dependence {
  topics: readonly Topic[]
  /** Tells by its id whether a thing of those topics matters; all do if it is left out. */
  fits?: (id: string) => boolean
  /** Between the beginnings of two reads, in ms, where an answer costs the server more than others. */
  pause?: number | undefined
}

/**
 * Between the beginnings of two reads of one answer, in ms: a busy fleet changes all the time. A read is the
 * fifth part of its pause at most, so many pages that make the server slow read less often.
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
  readonly #on: Dependence
  #isOld = true
  #pauses = true
  #wake = () => {}
  #endPause = () => {}

  constructor(read: (signal: AbortSignal) => Promise<T>, on: Dependence) {
    this.#read = read
    this.#on = on
  }

  /** Keeps it true until the returned function is called. */
  follow(changes: Changes): () => void {
    const { topics, fits = () => true } = this.#on
    const over = new AbortController()
    const unsubscribe = changes.on(topics, change => {
      const id = change?.id ?? undefined
      if (id === undefined || fits(id)) this.refresh()
    })
    document.addEventListener('visibilitychange', () => this.#wake(), { signal: over.signal })
    void this.#run(over.signal)
    return () => {
      unsubscribe()
      over.abort()
      this.#wake()
    }
  }

  /** Reads it again, soon; several calls are one. */
  refresh(): void {
    this.#isOld = true
    this.#wake()
  }

  /** Reads it again without a pause: somebody has just changed it, and waits to see that. */
  hurry(): void {
    this.#pauses = false
    this.#endPause()
    this.refresh()
  }

  async #run(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      if (!this.#isOld || document.hidden) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
        continue
      }
      this.#isOld = false
      this.#pauses = true
      const began = performance.now()
      let pause = retryPause
      try {
        this.shown.value = { data: await this.#read(over), error: undefined }
        const took = performance.now() - began
        const usual = Math.min(longestPause, Math.max(shortestPause, pauseOfRead * took))
        pause = (this.#on.pause ?? usual) - took
      } catch (error) {
        if (over.aborted) return
        this.shown.value = { data: this.shown.value.data, error: error as CallError }
        this.#isOld = true
      }
      if (!this.#pauses) continue
      await new Promise<void>(resolve => {
        this.#endPause = resolve
        setTimeout(resolve, pause)
      })
    }
  }
}
