import type { Clock } from '../../edges.ts'
import type { StoreEngine } from '../engine.ts'
import { StoreFailure } from '../failure.ts'
import type { Reader } from '../reader.ts'
import type { Store, WriteOptions } from '../store.ts'
import type { Topic } from '../topic.ts'
import type { WatchedTime } from '../watched-time.ts'
import type { Writer } from '../writer.ts'
import { GroupCommit } from './group-commit.ts'
import { SnapshotReader } from './snapshot-reader.ts'

/** The store on one of the engines. */
export class SqlStore implements Store {
  readonly engine: StoreEngine['name']
  readonly lineage: string | undefined
  readonly watch: WatchedTime
  readonly #engine: StoreEngine
  readonly #commits: GroupCommit
  readonly #listeners = new Set<(topic: Topic) => void>()
  readonly #watchers: ((seconds: number, writers: number) => void)[] = []
  readonly #reads = new Set<Promise<unknown>>()
  readonly #release: () => void
  #closing: Promise<void> | undefined

  /** `release` ends the lock that keeps other servers from the store. */
  constructor(engine: StoreEngine, clock: Pick<Clock, 'monotonic'>, watch: WatchedTime, release: () => void) {
    this.watch = watch
    this.engine = engine.name
    this.lineage = engine.lineage
    this.#engine = engine
    this.#release = release
    this.#commits = new GroupCommit(engine, watch, {
      notify: topics => this.#notify(topics),
      monotonic: () => clock.monotonic(),
      transaction: (...args) => {
        for (const watch of this.#watchers) watch(...args)
      },
    })
  }

  write<T>(writer: (tx: Writer) => Promise<T>, options: WriteOptions = {}): Promise<T> {
    return this.#commits.write(writer, options)
  }

  async read<T>(reader: (tx: Reader) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new StoreFailure('closed', 'the store has been closed')
    const reading = this.#engine.snapshot((query, now) =>
      reader(new SnapshotReader(query, { now, watched: this.watch.watched }, this.#engine.logs)),
    )
    this.#reads.add(reading)
    try {
      return await reading
    } finally {
      this.#reads.delete(reading)
    }
  }

  subscribe(listener: (topic: Topic) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  check(): Promise<void> {
    return this.write(async tx => tx.setMeta('checked_at', String(tx.now)), { durable: false })
  }

  onTransaction(listener: (seconds: number, writers: number) => void): void {
    this.#watchers.push(listener)
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#commits.close()
      await Promise.allSettled(this.#reads)
      await this.#engine.close()
    } finally {
      this.#release()
    }
  }

  #notify(topics: readonly Topic[]): void {
    const distinct = new Map(topics.map(topic => [JSON.stringify(topic), topic]))
    // Each listener is called by itself: an exception in one reaches neither the store nor another listener.
    for (const topic of distinct.values())
      for (const listener of this.#listeners) queueMicrotask(() => listener(topic))
  }
}
