import { Socket } from 'node:net'
import type { Client, Pool, PoolClient } from 'pg'
import type { Answer, Engine, Query, Transaction } from './engine.ts'
import { StoreFailure } from './failure.ts'
import type { Flusher } from './flusher.ts'
import { LogChunks } from './log-chunks.ts'
import { explainPostgres } from './postgres-failure.ts'
import { type Encoded, eachTable, type TableName, typesOf, upsertFrom } from './tables.ts'

/** A socket that sends what is written in one turn of the event loop by one system call. */
export function gatheringSocket(): Socket {
  const socket = new Socket()
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
  let gathers = false
  const gather = (...args: unknown[]) => {
    if (!gathers) {
      gathers = true
      socket.cork()
      process.nextTick(() => {
        gathers = false
        socket.uncork()
      })
    }
    return write(...args)
  }
  // To connect takes away what stands in the place of `write`.
  return socket.once('connect', () => Object.assign(socket, { write: gather }))
}

/** A statement is compiled once for each connection, by its name. */
const names = new Map<string, { name: string; text: string }>()
/** How many: of listings there are as many as combinations of filters. */
const mostNames = 300

/** Statements of a connection. Those that are started together are sent together (`pipeline`). */
export function queryOn(client: Client | PoolClient): Query {
  return async (sql, ...values) => {
    let statement = names.get(sql)
    if (statement === undefined) {
      const text = sql.replace(/\bTEXTS\((\$\d+)\)/g, 'jsonb_array_elements_text($1::jsonb)')
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

const upsertOf = eachTable(name => {
  const columns = typesOf[name].map(column => column.join(' ')).join(', ')
  const names = typesOf[name].map(([column]) => column).join(', ')
  return upsertFrom(name, `SELECT ${names} FROM json_to_recordset(CAST($1 AS json)) AS rows (${columns})`)
})
/** About how many characters go into one statement. */
const statementSize = 8 << 20

/** Puts rows by as few statements as may be. */
async function put(query: Query, table: TableName, rows: readonly Encoded[]): Promise<void> {
  const statements: Promise<unknown>[] = []
  let from = 0
  let size = 0
  for (const [index, { body }] of rows.entries()) {
    size += (body as string).length
    if (size <= statementSize && index < rows.length - 1) continue
    statements.push(query(upsertOf[table], JSON.stringify(rows.slice(from, index + 1))))
    from = index + 1
    size = 0
  }
  await Promise.all(statements)
}

const clock = 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::double precision AS now'
/** Milliseconds for which the clock of the database is believed to run as ours does. */
const believed = 500

/** COMMIT takes back, without an error, where a statement has failed. */
async function commit(client: Client): Promise<void> {
  let command: string
  try {
    command = (await client.query('COMMIT')).command
  } catch (error) {
    throw explainPostgres(error)
  }
  if (command !== 'COMMIT') throw new StoreFailure('failed', 'a statement of the transaction failed')
}

/** The connections of a server that writes. Where one of them is lost, both are made anew. */
export interface Writing {
  /** Holds the lock. */
  client: Client
  flusher: Flusher
}

/**
 * PostgreSQL: one connection writes, which holds the lock that keeps other servers away; a few read. The one that
 * writes never waits for the disk (`synchronous_commit` is off there): another one does (flusher.ts), so that the next
 * transaction runs meanwhile.
 */
export class Postgres implements Engine {
  readonly name = 'postgres'
  readonly logs = new LogChunks()
  readonly #connect: () => Promise<Writing>
  readonly #pool: Pool
  readonly #monotonic: () => number
  readonly #testClock: (() => number) | undefined
  #writing: Writing | undefined
  /** Milliseconds between the clock of the database and `monotonic`. */
  #offset: number | undefined
  /** When it was asked for. */
  #asked = 0
  /** The latest time that was given. */
  #last = 0

  /** `connect` gives what comes in the place of `writing`. `monotonic` gives milliseconds. */
  constructor(
    writing: Writing,
    connect: () => Promise<Writing>,
    pool: Pool,
    clocks: { monotonic: () => number; instead: (() => number) | undefined },
  ) {
    this.#connect = connect
    this.#use(writing)
    this.#pool = pool
    this.#monotonic = clocks.monotonic
    this.#testClock = clocks.instead
  }

  async begin(): Promise<Transaction> {
    const anew = this.#writing === undefined
    const writing = this.#writing ?? this.#use(await this.#connect())
    const { client, flusher } = writing
    const begun = this.#begun(client)
    begun.catch(() => {})
    const query = queryOn(client)
    return {
      anew,
      likelyNow: this.#offset === undefined ? undefined : this.#clock(this.#offset),
      begun,
      query,
      put: (table, rows) => put(query, table, rows),
      commit: async (durable, last) => {
        // Where a statement has failed, so does this one, and COMMIT takes all back.
        const kept = Promise.all([begun, last, commit(client)]).then(
          () => {},
          error => {
            // Nobody knows what it waits for.
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
          // It is gone, and its transaction with it.
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
      // It was said some time between question and answer: what agrees with that is as good.
      const [least, most] = [(answer!.now as number) - this.#asked, (answer!.now as number) - sent]
      this.#offset = Math.min(Math.max(this.#offset ?? least, least), most)
    }
    return this.#clock(this.#offset!)
  }

  /** The clock of the database as far as it is known. It goes back where that does, not for what the answer took. */
  #clock(offset: number): number {
    const now = Math.floor(this.#monotonic() + offset)
    if (now > this.#last || now < this.#last - 1000) this.#last = now
    return this.#testClock?.() ?? this.#last
  }

  /** The clock of the database, which is asked only where nobody has asked before. */
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
    let broken = true
    try {
      const now = await this.#now(client)
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
    const writing = this.#writing
    this.#writing = undefined
    await Promise.all([writing && endAll(writing), this.#pool.end()])
  }
}

async function endAll({ client, flusher }: Writing): Promise<void> {
  await Promise.all([client.end(), flusher.end()])
}
