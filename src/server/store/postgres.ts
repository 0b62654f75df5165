import type { Client, Pool, PoolClient } from 'pg'
import type { Answer, Engine, Query, Transaction } from './engine.ts'
import { LogChunks } from './log-chunks.ts'
import { explainPostgres } from './postgres-failure.ts'

/** A statement is compiled once for each connection, by its name. */
const names = new Map<string, { name: string; text: string }>()
/** How many: of listings there are as many as combinations of filters. */
const mostNames = 300

/** Statements of a connection. Those that are started together are sent together (`pipeline`). */
export function queryOn(client: Client | PoolClient): Query {
  return async (sql, ...values) => {
    let statement = names.get(sql)
    if (statement === undefined) {
      const text = sql
        .replace(/\bEACH\((\$\d+)\)/g, 'jsonb_array_elements($1::jsonb)')
        .replace(/\bTEXTS\((\$\d+)\)/g, 'jsonb_array_elements_text($1::jsonb)')
      statement = { name: `s${names.size}`, text }
      if (names.size < mostNames) names.set(sql, statement)
      else statement = { name: '', text }
    }
    try {
      return (await client.query<Answer>({ ...statement, values })).rows
    } catch (error) {
      throw explainPostgres(error)
    }
  }
}

/** Text of several statements that take no parameters; gives the rows of the last one. */
export async function execute(client: Client | PoolClient, text: string): Promise<Answer[]> {
  try {
    const results = await client.query(text)
    return ([results].flat().at(-1)?.rows ?? []) as Answer[]
  } catch (error) {
    throw explainPostgres(error)
  }
}

const begin = 'BEGIN; SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now'

/** PostgreSQL: one connection writes, which holds the lock that keeps other servers away; a few read. */
export class Postgres implements Engine {
  readonly name = 'postgres'
  readonly logs = new LogChunks()
  readonly #connect: () => Promise<Client>
  readonly #pool: Pool
  readonly #monotonic: () => number
  readonly #testClock: (() => number) | undefined
  #writes: Client | undefined
  /** Milliseconds between the clock of the database and `monotonic`. */
  #offset = 0

  /** `writes` holds the lock, and so does what `connect` gives in its place. `monotonic` gives milliseconds. */
  constructor(
    writes: Client,
    connect: () => Promise<Client>,
    pool: Pool,
    clocks: { monotonic: () => number; instead: (() => number) | undefined },
  ) {
    this.#connect = connect
    this.#use(writes)
    this.#pool = pool
    this.#monotonic = clocks.monotonic
    this.#testClock = clocks.instead
  }

  async begin(): Promise<Transaction> {
    const client = this.#writes ?? (await this.#open())
    return {
      begun: this.#begun(client),
      query: queryOn(client),
      commit: async durable => {
        await execute(client, durable ? 'COMMIT' : 'SET LOCAL synchronous_commit TO off; COMMIT')
      },
      rollback: async () => {
        try {
          await execute(client, 'ROLLBACK')
        } catch {
          // It is gone, and its transaction with it.
          this.#drop(client)
        }
      },
    }
  }

  async #open(): Promise<Client> {
    return this.#use(await this.#connect())
  }

  #use(client: Client): Client {
    client.on('error', () => this.#drop(client))
    client.on('end', () => this.#drop(client))
    this.#writes = client
    return client
  }

  #drop(client: Client): void {
    if (this.#writes === client) this.#writes = undefined
  }

  async #begun(client: Client): Promise<number> {
    const [answer] = await execute(client, begin)
    const now = answer!.now as number
    this.#offset = now - this.#monotonic()
    return this.#testClock?.() ?? now
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
    let broken = true
    try {
      const now = this.#testClock?.() ?? Math.floor(this.#monotonic() + this.#offset)
      const value = await reader(queryOn(client), now)
      broken = false
      return value
    } finally {
      const ended = execute(client, 'ROLLBACK')
      ended.catch(() => {})
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#writes?.end(), this.#pool.end()])
  }
}
