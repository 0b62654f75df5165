import { nextTurn } from '../../system/wait.ts'
import type { Commit, StoreEngine } from '../engine.ts'
import { StoreFailure } from '../failure.ts'
import type { WriteOptions } from '../store.ts'
import type { Topic } from '../topic.ts'
import type { WatchedTime } from '../watched-time.ts'
import type { Writer } from '../writer.ts'
import { Batch } from './batch.ts'
import { RowCache } from './row-cache.ts'
import { SqlWriter } from './writer.ts'

/** A call of `write` that waits for its answer. */
interface Call {
  writer: (tx: Writer) => Promise<unknown>
  options: WriteOptions
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

/** The answers to give when the transaction is known to be kept, and when it is on disk. */
interface Answers {
  kept: (() => void)[]
  done: (() => void)[]
}

/** The most writers that share a transaction, beside the writers that they wake. */
const most = 1000

/** Whether the listeners to a topic write as soon as they hear of it. */
const wakesWriters = ({ about }: Topic) => about === 'queue' || about === 'slot'

export interface GroupCommitEvents {
  notify(topics: readonly Topic[]): void
  /** Seconds that never jump. */
  monotonic(): number
  transaction(seconds: number, writers: number): void
}

/**
 * Writers that arrive while a transaction is under way share the next one: a batch. They run one after the
 * other, and so do the writers that they wake. A writer is answered when the batch is on disk, or, where the
 * writer need not be durable, when the batch is kept. A writer that has failed is answered then too: the
 * batch that it has read from may not be kept.
 */
export class GroupCommit {
  readonly #engine: StoreEngine
  readonly #watch: WatchedTime
  readonly #events: GroupCommitEvents
  #waiting: Call[] = []
  #running: Promise<void> | undefined
  /** Resolves with the error for which the latest batch was not kept; with undefined where it was. */
  #before: Promise<unknown> = Promise.resolve()
  /** Batches that are on their way to the disk. */
  readonly #ends = new Set<Promise<void>>()
  readonly #rows = new RowCache()
  /** The latest batch, while it is on its way to the disk. */
  #latest: { end: Promise<void>; writers: number } | undefined
  /** Called when a writer arrives. */
  #arrived: (() => void) | undefined
  #closed = false

  constructor(engine: StoreEngine, watch: WatchedTime, events: GroupCommitEvents) {
    this.#engine = engine
    this.#watch = watch
    this.#events = events
  }

  write<T>(writer: (tx: Writer) => Promise<T>, options: WriteOptions): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreFailure('closed', 'the store has been closed'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ writer, options, resolve: value => resolve(value as T), reject })
      this.#arrived?.()
      this.#running ??= this.#run()
    })
  }

  /** Takes no more writers, and waits for the writers that have arrived. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    await Promise.all(this.#ends)
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // The event loop may still have events that bring more writers.
      await nextTurn()
      await this.#enough()
      await this.#transact(this.#waiting.splice(0, most))
    }
    this.#running = undefined
  }

  /**
   * Resolves when it is time for the next batch: no batch is on its way to the disk, or as many writers wait
   * as that batch has. So more writers share the fixed cost of a batch, and no writer waits longer than the
   * disk takes.
   */
  async #enough(): Promise<void> {
    const latest = this.#latest
    if (latest === undefined || this.#waiting.length >= latest.writers) return
    const enough = Promise.withResolvers<void>()
    this.#arrived = () => {
      if (this.#waiting.length >= latest.writers) enough.resolve()
    }
    await Promise.race([latest.end, enough.promise])
    this.#arrived = undefined
  }

  /** Runs a batch. Resolves when the next may begin, which may be before this one is on disk and answered. */
  async #transact(calls: Call[]): Promise<void> {
    const start = this.#events.monotonic()
    const answers: Answers = { kept: [], done: [] }
    const topics: Topic[] = []
    const fail = (error: unknown) => {
      const failure =
        error instanceof StoreFailure
          ? error
          : new StoreFailure('failed', 'the store failed', { cause: error })
      for (const { reject } of calls) reject(failure)
    }
    const before = this.#before
    try {
      const durable = calls.some(({ options }) => options.durable !== false)
      const transaction = await this.#engine.begin(durable)
      if (transaction.anew) this.#rows.clear()
      const batch = new Batch(this.#engine, transaction, this.#rows, this.#watch.watched)
      let commit: Commit
      try {
        await this.#runAll(batch, calls, topics, answers)
        if (topics.some(wakesWriters)) {
          // Work that has just been queued is handed out in the same transaction.
          this.#notify(topics, wakesWriters)
          await nextTurn()
          const woken = this.#waiting.splice(0, most)
          calls.push(...woken)
          await this.#runAll(batch, woken, topics, answers)
        }
        // This batch read rows the previous batch has not committed yet; if that one failed, this one fails
        // too.
        const lost = await before
        if (lost !== undefined) throw lost
        commit = await batch.commit()
        if (batch.changes.size > 0) topics.push({ about: 'changes' })
      } catch (error) {
        this.#rows.clear()
        await batch.rollback()
        throw batch.error ?? error
      }
      this.#rows.trim()
      // These listeners write in a later batch, which sees this one.
      this.#notify(topics, wakesWriters)
      const kept: Promise<unknown> = commit.kept.then(
        () => {
          this.#engine.logs.committed()
          for (const answer of answers.kept) answer()
          this.#notify(topics, () => true)
        },
        (error: unknown) => {
          this.#rows.clear()
          // A batch that began meanwhile has this promise already. A batch that begins later must not fail by
          // it.
          if (this.#before === kept) this.#before = Promise.resolve()
          return error
        },
      )
      this.#before = kept
      const end = commit.done.then(
        () => {
          for (const answer of answers.done) answer()
          this.#events.transaction(this.#events.monotonic() - start, calls.length)
        },
        error => fail(batch.error ?? error),
      )
      this.#ends.add(end)
      const latest = { end, writers: calls.length }
      this.#latest = latest
      void end.then(() => {
        if (this.#latest === latest) this.#latest = undefined
      })
      void end.then(() => this.#ends.delete(end))
    } catch (error) {
      fail(error)
    }
  }

  /** Notifies of the topics for which `which` is true, and removes them from `topics`. */
  #notify(topics: Topic[], which: (topic: Topic) => boolean): void {
    const those = topics.filter(which)
    topics.splice(0, topics.length, ...topics.filter(topic => !which(topic)))
    this.#events.notify(those)
  }

  /** Runs writers, one after the other. */
  async #runAll(batch: Batch, calls: readonly Call[], topics: Topic[], answers: Answers): Promise<void> {
    if (calls.some(({ options }) => options.durable !== false)) batch.durably()
    await batch.begin(calls.map(({ options }) => options))
    for (const call of calls) {
      const { isDurable, answer } = await this.#runOne(batch, call, topics)
      answers[isDurable ? 'done' : 'kept'].push(answer)
    }
  }

  /**
   * Runs one writer. Resolves to the answer that the writer gets when the transaction is kept, or on disk.
   */
  async #runOne(
    batch: Batch,
    { writer, options, resolve, reject }: Call,
    topics: Topic[],
  ): Promise<{ isDurable: boolean; answer: () => void }> {
    const tx = new SqlWriter(batch)
    const isDurable = () => options.durable !== false || tx.isDurable
    try {
      const value = await writer(tx)
      await tx.keep()
      topics.push(...tx.topics)
      return { isDurable: isDurable(), answer: () => resolve(value) }
    } catch (error) {
      await tx.undo()
      if (batch.error !== undefined) throw batch.error
      return { isDurable: isDurable(), answer: () => reject(error) }
    }
  }
}
