import { Socket } from 'node:net'
import type { Client, Pool, PoolClient } from 'pg'
import type { Query, RowsToPut, StoreEngine, Transaction } from '../engine.ts'
import { isUnreadable, StoreFailure } from '../failure.ts'
import type { Encoded } from '../row-encoding.ts'
import { eachTable, type TableName, tableNames, typesOf, upsertFrom } from '../tables.ts'
import type { SqlRow } from '../values.ts'
import { explainPostgres } from './failure.ts'
import type { Flusher } from './flusher.ts'
import { LogChunks } from './log-chunks.ts'

/** A socket that sends all writes of one turn of the event loop by one system call. */
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
  // Connecting restores the original `write`, so the replacement follows it.
  return socket.once('connect', () => Object.assign(socket, { write: gather }))
}

/**
 * The number of statements that a connection compiles: each combination of filters of a list is a statement
 * of its own.
 */
const mostNames = 300

/**
 * Runs statements on a connection. PostgreSQL compiles each once, under a name that lasts as long as the
 * connection. Statements that are started together are sent together (`pipeline`).
 */
export function queryOn(client: Client | PoolClient): Query {
  const names = new Map<string, { name: string; text: string }>()
  return async (sql, ...values) => {
    let statement = names.get(sql)
    if (statement === undefined) {
      const text = sql.replace(/\bTEXTS\((\$\d+)\)/g, 'jsonb_array_elements_text($1::jsonb)')
      statement = { name: `s${names.size}`, text }
      if (names.size < mostNames) names.set(sql, statement)
      else statement = { name: '', text }
    }
    try {
      return (await client.query<SqlRow>({ ...statement, values })).rows
    } catch (error) {
      throw explainPostgres(error)
    }
  }
}

/** Runs a text of several statements without parameters; resolves to the rows of the last one. */
export async function execute(client: Client | PoolClient, text: string): Promise<SqlRow[]> {
  try {
    const results = await client.query(text)
    return ([results].flat().at(-1)?.rows ?? []) as SqlRow[]
  } catch (error) {
    throw explainPostgres(error)
  }
}

/**
 * The statement that puts the rows of a table, before and after the number of the parameter that has them.
 */
const upserts = eachTable(name => {
  const columns = typesOf[name].map(column => column.join(' ')).join(', ')
  const names = typesOf[name].map(([column]) => column).join(', ')
  const source = `SELECT ${names} FROM json_to_recordset(CAST($# AS json)) AS rows (${columns})`
  return upsertFrom(name, source).split('#')
})
const upsertOf = (name: TableName, parameter: number): string => upserts[name].join(String(parameter))

/** A statement that puts rows of several tables, each of which is a parameter. */
function upsertOfAll(names: readonly TableName[]): string {
  const parts = names.map((name, index) => upsertOf(name, index + 1))
  const last = parts.pop()!
  if (parts.length === 0) return last
  return `WITH ${parts.map((part, i) => `t${i} AS (${part})`).join(', ')} ${last}`
}

/** The size of the rows in one statement, in characters, about. */
const statementSize = 8 << 20

/**
 * Puts rows by as few statements as `statementSize` allows: each costs as much as the rows of a small batch.
 */
export async function putRows(query: Query, all: RowsToPut): Promise<void> {
  let size = 0
  for (const rows of all.values()) for (const { body } of rows) size += (body as string).length
  if (size <= statementSize) {
    const names = tableNames.filter(name => all.has(name))
    await query(upsertOfAll(names), ...names.map(name => JSON.stringify(all.get(name))))
  } else await Promise.all([...all].map(([table, rows]) => putPieces(query, table, rows)))
}

async function putPieces(query: Query, table: TableName, rows: readonly Encoded[]): Promise<void> {
  const statements: Promise<unknown>[] = []
  let from = 0
  let size = 0
  for (const [index, { body }] of rows.entries()) {
    size += (body as string).length
    if (size <= statementSize && index < rows.length - 1) continue
    statements.push(query(upsertOf(table, 1), JSON.stringify(rows.slice(from, index + 1))))
    from = index + 1
    size = 0
  }
  await Promise.all(statements)
}

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
