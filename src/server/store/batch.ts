import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Commit, Engine } from './engine.ts'
import { StoreFailure } from './failure.ts'
import { Recent } from './recent.ts'
import { Stage } from './stage.ts'
import type { Topic, WriteOptions, Writer } from './store.ts'
import type { Watch } from './watch.ts'
import { Work } from './work.ts'
import { SqlWriter } from './writer.ts'

interface Job {
  writer: (tx: Writer) => Promise<unknown>
  options: WriteOptions
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

/** What to do when the transaction is known to be kept, and when it is on disk. */
interface Answers {
  kept: (() => void)[]
  done: (() => void)[]
}

/** How many writers share a transaction at most, beside those whom they wake. */
const most = 1000

/** Whom this wakes writes. */
const wakesWriters = ({ about }: Topic) => about === 'queue' || about === 'slot'

export interface BatchEvents {
  notify(topics: readonly Topic[]): void
  /** Seconds that never jump. */
  monotonic(): number
  transaction(seconds: number, writers: number): void
}

/**
 * Group commit: writers that arrive while a transaction is under way share the next one. They run one after the
 * other, and so do those whom they wake. All of them are answered when it is on disk, those that failed too: what they
 * saw may come to nothing. Those that are not to be durable are answered when it is kept.
 */
export class Batches {
  readonly #engine: Engine
  readonly #watch: Watch
  readonly #events: BatchEvents
  #waiting: Job[] = []
  #running: Promise<void> | undefined
  /** Why the transaction before this one was not kept; undefined where it was. */
  #before: Promise<unknown> = Promise.resolve()
  /** Transactions that are on their way to the disk. */
  readonly #ends = new Set<Promise<void>>()
  readonly #recent = new Recent()
  /** The latest batch, as long as it is on its way to the disk. */
  #latest: { end: Promise<void>; writers: number } | undefined
  /** Called with each writer that comes. */
  #arrived: (() => void) | undefined
  #closed = false

  constructor(engine: Engine, watch: Watch, events: BatchEvents) {
    this.#engine = engine
    this.#watch = watch
    this.#events = events
  }

  write<T>(writer: (tx: Writer) => Promise<T>, options: WriteOptions): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreFailure('closed', 'the store has been closed'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ writer, options, resolve: resolve as Job['resolve'], reject })
      this.#arrived?.()
      this.#running ??= this.#run()
    })
  }

  /** Takes no more writers, and waits for those it has. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    await Promise.all(this.#ends)
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What the event loop has to hand out may be more writers.
      await nextTurn()
      await this.#enough()
      await this.#transact(this.#waiting.splice(0, most))
    }
    this.#running = undefined
  }

  /**
   * Resolves when it is time for the next batch: nothing is on its way to the disk, or as many writers wait as the
   * latest batch has that is. So what a batch costs beside its writers is paid for more of them, and none waits longer
   * than for the disk.
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
  async #transact(jobs: Job[]): Promise<void> {
    const start = this.#events.monotonic()
    const answers: Answers = { kept: [], done: [] }
    const topics: Topic[] = []
    const fail = (error: unknown) => {
      const failure =
        error instanceof StoreFailure
          ? error
          : new StoreFailure('failed', 'the store failed', { cause: error })
      for (const { reject } of jobs) reject(failure)
    }
    const before = this.#before
    try {
      const durable = jobs.some(({ options }) => options.durable !== false)
      const transaction = await this.#engine.begin(durable)
      if (transaction.anew) this.#recent.clear()
      const work = new Work(this.#engine, transaction, this.#recent, this.#watch.watched)
      let commit: Commit
      try {
        await this.#runAll(work, jobs, topics, answers)
        if (topics.some(wakesWriters)) {
          // What came to be handed out is handed out in the same transaction.
          this.#tell(topics, wakesWriters)
          await nextTurn()
          const woken = this.#waiting.splice(0, most)
          jobs.push(...woken)
          await this.#runAll(work, woken, topics, answers)
        }
        // It may have seen what the one before has put.
        const lost = await before
        if (lost !== undefined) throw lost
        commit = await work.commit()
      } catch (error) {
        this.#recent.clear()
        await work.rollback()
        throw work.error ?? error
      }
      this.#recent.trim()
      // What is written next comes after this, and sees it.
      this.#tell(topics, wakesWriters)
      const kept: Promise<unknown> = commit.kept.then(
        () => {
          this.#engine.logs.committed()
          for (const answer of answers.kept) answer()
          this.#tell(topics, () => true)
        },
        (error: unknown) => {
          this.#recent.clear()
          // Only who began meanwhile has to know.
          if (this.#before === kept) this.#before = Promise.resolve()
          return error
        },
      )
      this.#before = kept
      const end = commit.done.then(
        () => {
          for (const answer of answers.done) answer()
          this.#events.transaction(this.#events.monotonic() - start, jobs.length)
        },
        error => fail(work.error ?? error),
      )
      this.#ends.add(end)
      const latest = { end, writers: jobs.length }
      this.#latest = latest
      void end.then(() => {
        if (this.#latest === latest) this.#latest = undefined
      })
      void end.then(() => this.#ends.delete(end))
    } catch (error) {
      fail(error)
    }
  }

  /** Tells of those topics of which the condition is true, and takes them out. */
  #tell(topics: Topic[], which: (topic: Topic) => boolean): void {
    const told = topics.filter(which)
    topics.splice(0, topics.length, ...topics.filter(topic => !which(topic)))
    this.#events.notify(told)
  }

  /** Runs writers, one after the other. */
  async #runAll(work: Work, jobs: readonly Job[], topics: Topic[], answers: Answers): Promise<void> {
    work.durable ||= jobs.some(({ options }) => options.durable !== false)
    await work.begin(jobs.map(({ options }) => options))
    for (const job of jobs) {
      const { isDurable, answer } = await this.#runOne(work, job, topics)
      answers[isDurable ? 'done' : 'kept'].push(answer)
    }
  }

  /** Runs one writer; gives the answer to give once its transaction is kept, or on disk. */
  async #runOne(
    work: Work,
    { writer, options, resolve, reject }: Job,
    topics: Topic[],
  ): Promise<{ isDurable: boolean; answer: () => void }> {
    const stage = new Stage(work)
    const isDurable = () => options.durable !== false || stage.durable
    try {
      const value = await writer(new SqlWriter(stage))
      await stage.keep()
      topics.push(...stage.topics)
      return { isDurable: isDurable(), answer: () => resolve(value) }
    } catch (error) {
      await stage.undo()
      if (work.error !== undefined) throw work.error
      return { isDurable: isDurable(), answer: () => reject(error) }
    }
  }
}
