import type { Clock } from '../../edges.ts'
import { committed } from './access.ts'
import { Batches } from './batch.ts'
import type { Engine } from './engine.ts'
import { StoreFailure } from './failure.ts'
import { SqlReader } from './reader.ts'
import type { Reader, Store, Topic, WriteOptions, Writer } from './store.ts'
import type { Watch } from './watch.ts'

/** The store on one of the engines. */
export class SqlStore implements Store {
  readonly engine: Engine['name']
  readonly watch: Watch
  readonly #engine: Engine
  readonly #batches: Batches
  readonly #listeners = new Set<(topic: Topic) => void>()
  readonly #watchers: ((seconds: number, writers: number) => void)[] = []
  readonly #reads = new Set<Promise<unknown>>()
  readonly #release: () => void
  #closing: Promise<void> | undefined

  /** `release` gives back what keeps other servers from the store. */
  constructor(engine: Engine, clock: Pick<Clock, 'monotonic'>, watch: Watch, release: () => void) {
    this.watch = watch
    this.engine = engine.name
    this.#engine = engine
    this.#release = release
    this.#batches = new Batches(engine, watch, {
      notify: topics => this.#notify(topics),
      monotonic: () => clock.monotonic(),
      transaction: (...args) => {
        for (const watch of this.#watchers) watch(...args)
      },
    })
  }

  write<T>(writer: (tx: Writer) => Promise<T>, options: WriteOptions = {}): Promise<T> {
    return this.#batches.write(writer, options)
  }

  async read<T>(reader: (tx: Reader) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new StoreFailure('closed', 'the store has been closed')
    const { logs } = this.#engine
    const reading = this.#engine.snapshot((query, now) =>
      reader(
        new SqlReader(
          committed(query, { now, watched: this.watch.watched }, (...range) => logs.read(...range)),
        ),
      ),
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
    await this.#batches.close()
    await Promise.allSettled(this.#reads)
    await this.#engine.close()
    this.#release()
  }

  #notify(topics: readonly Topic[]): void {
    const distinct = new Map(topics.map(topic => [JSON.stringify(topic), topic]))
    // Each in its own turn: what one listener does wrong is not the store's or another listener's failure.
    for (const topic of distinct.values())
      for (const listener of this.#listeners) queueMicrotask(() => listener(topic))
  }
}
