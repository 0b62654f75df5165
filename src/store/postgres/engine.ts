import type { Client, Pool, PoolClient } from 'pg'
import type { Query, StoreEngine, Transaction } from '../engine.ts'
import { isUnreadable, StoreFailure } from '../failure.ts'
import { explainPostgres } from './failure.ts'
import type { Flusher } from './flusher.ts'
import { LogChunks } from './log-chunks.ts'
import { execute, putRows, queryOn } from './statements.ts'

const clock = 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now'
/**
 * Milliseconds for which a measured difference between the clock of the database and `monotonic` is believed.
 */
const believed = 500

/**
 * Commits. Throws where a statement has failed before: PostgreSQL then answers COMMIT with ROLLBACK, without
 * an error.
 */
async function commit(client: Client): Promise<void> {
  let command: string
  try {
    command = (await client.query('COMMIT')).command
  } catch (error) {
    throw explainPostgres(error)
  }
  if (command !== 'COMMIT') throw new StoreFailure('failed', 'a statement of the transaction failed')
}

/** The two connections with which a server writes. Where one of them is lost, both are made anew. */
export interface Writing {
  /** The connection that holds the lock. */
  client: Client
  /** Runs statements on `client`. */
  query: Query
  flusher: Flusher
}

/**
 * PostgreSQL: one connection writes, and holds the lock that keeps other servers away; a few others read. The
 * connection that writes never waits for the disk (`synchronous_commit` is off there): another connection
 * does (flusher.ts), so the next transaction runs meanwhile.
 */
export class Postgres implements StoreEngine {
  readonly name = 'postgres'
  readonly lineage: string | undefined
  readonly logs = new LogChunks()
  readonly #connect: () => Promise<Writing>
  readonly #pool: Pool
  readonly #monotonic: () => number
  readonly #testClock: (() => number) | undefined
  #writing: Writing | undefined
  /** The function that runs statements on each connection of the pool. */
  readonly #queries = new WeakMap<PoolClient, Query>()
  /** Milliseconds between the clock of the database and `monotonic`. */
  #offset: number | undefined
  /** When the clock of the database was last read, by `monotonic`. */
  #asked = 0
  /** The latest time that `#clock` has given. */
  #last = 0

  /**
   * `connect` makes the connections that replace `writing` where it is lost. `monotonic` gives milliseconds.
   */
  constructor(
    writing: Writing,
    connect: () => Promise<Writing>,
    pool: Pool,
    clocks: { monotonic: () => number; instead: (() => number) | undefined },
    lineage: string | undefined,
  ) {
    this.lineage = lineage
    this.#connect = connect
    this.#use(writing)
    this.#pool = pool
    this.#monotonic = clocks.monotonic
    this.#testClock = clocks.instead
  }

  async begin(): Promise<Transaction> {
    const anew = this.#writing === undefined
    const writing = this.#writing ?? this.#use(await this.#connect())
    const { client, flusher, query } = writing
    const begun = this.#begun(client)
    begun.catch(() => {})
    return {
      anew,
      likelyNow: this.#offset === undefined ? undefined : this.#clock(this.#offset),
      begun,
      query,
      put: rows => putRows(query, rows),
      commit: async (durable, last) => {
        // Where a statement has failed, this promise fails too, and COMMIT rolls back.
        const kept = Promise.all([begun, last, commit(client)]).then(
          () => {},
          error => {
            // The connection may still wait for an answer, so no other transaction uses it.
            if (error instanceof StoreFailure && error.reason === 'unavailable') this.#drop(writing)
            throw error
          },
        )
        return { kept, done: durable ? kept.then(() => flusher.flushed()) : kept }
      },
      rollback: async () => {
        try {
          await execute(client, 'ROLLBACK')
        } catch {
          // The connection is lost, and its transaction with it.
          this.#drop(writing)
        }
      },
    }
  }

  #use(writing: Writing): Writing {
    writing.client.on('error', () => this.#drop(writing)).on('end', () => this.#drop(writing))
    writing.flusher.onEnd(() => this.#drop(writing))
    this.#writing = writing
    return writing
  }

  #drop(writing: Writing): void {
    if (this.#writing !== writing) return
    this.#writing = undefined
    endAll(writing).catch(() => {})
  }

  async #begun(client: Client): Promise<number> {
    const sent = this.#monotonic()
    const asks = this.#offset === undefined || sent - this.#asked > believed
    const [answer] = await execute(client, asks ? `BEGIN; ${clock}` : 'BEGIN')
    if (asks) {
      this.#asked = this.#monotonic()
      // The database has read its clock between question and answer, so the offset is between these two. An
      // offset from before that is between them too is kept.
      const [least, most] = [(answer!.now as number) - this.#asked, (answer!.now as number) - sent]
      this.#offset = Math.min(Math.max(this.#offset ?? least, least), most)
    }
    return this.#clock(this.#offset!)
  }

  /**
   * The clock of the database by the latest measurement. The result goes back where that clock does, by a
   * second or more, but never because an answer took longer.
   */
  #clock(offset: number): number {
    const now = Math.floor(this.#monotonic() + offset)
    if (now > this.#last || now < this.#last - 1000) this.#last = now
    return this.#testClock?.() ?? this.#last
  }

  /** The clock of the database; the connection asks for it only where no transaction has measured it yet. */
  async #now(client: PoolClient): Promise<number> {
    if (this.#offset !== undefined) return this.#clock(this.#offset)
    const [answer] = await execute(client, clock)
    return this.#testClock?.() ?? (answer!.now as number)
  }

  async snapshot<T>(reader: (query: Query, now: number) => Promise<T>): Promise<T> {
    let client: PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw explainPostgres(error)
    }
    const begun = execute(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    begun.catch(() => {})
    let broken = false
    try {
      const now = await this.#now(client)
      return await reader(this.#queryOn(client), now)
    } catch (error) {
      // A row that cannot be read, and a bug of the reader, say nothing about the connection.
      broken = error instanceof StoreFailure && !isUnreadable(error)
      throw error
    } finally {
      const ended = execute(client, 'ROLLBACK')
      ended.catch(() => {})
      client.release(broken)
    }
  }

  #queryOn(client: PoolClient): Query {
    const query = this.#queries.get(client) ?? queryOn(client)
    this.#queries.set(client, query)
    return query
  }

  async close(): Promise<void> {
    const writing = this.#writing
    this.#writing = undefined
    await Promise.all([writing && endAll(writing), this.#pool.end()])
  }
}

async function endAll({ client, flusher }: Writing): Promise<void> {
  await Promise.all([client.end(), flusher.end()])
}
