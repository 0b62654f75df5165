import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Answer, Engine, Query, Transaction, Value } from './engine.ts'
import type { Segments } from './segments.ts'
import { explainSqlite } from './sqlite-failure.ts'
import { type Encoded, eachTable, type TableName, typesOf, upsertFrom } from './tables.ts'

const upsertOf = eachTable(name =>
  upsertFrom(name, `VALUES (${typesOf[name].map((_, index) => `$${index + 1}`).join(', ')})`),
)

/** How many compiled statements a connection keeps: of listings there are as many as combinations of filters. */
const mostStatements = 300

/** A connection; each text of a statement is compiled once. */
export class SqliteConnection {
  readonly database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    this.database = new DatabaseSync(path, { timeout: 10_000, ...options })
  }

  readonly query: Query = async (sql, ...params) => this.run(sql, ...params)

  run(sql: string, ...params: Value[]): Answer[] {
    try {
      return this.#statement(sql).all(...params) as Answer[]
    } catch (error) {
      throw explainSqlite(error)
    }
  }

  put(table: TableName, rows: readonly Encoded[]): void {
    const names = typesOf[table].map(([name]) => name)
    for (const row of rows) this.run(upsertOf[table], ...names.map(name => row[name]!))
  }

  /** Statements that take and give nothing. */
  exec(sql: string): void {
    try {
      this.database.exec(sql)
    } catch (error) {
      throw explainSqlite(error)
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      if (this.#statements.size >= mostStatements) this.#statements.clear()
      const own = sql
        .replace(/\bTEXTS\(/g, 'json_each(')
        .replace(/\$(\d+)/g, '?$1')
        .replace(/\/\* (INDEXED BY \w+) \*\//g, '$1')
      statement = this.database.prepare(own)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

/** How many connections read at most. */
const mostReaders = 8

/** SQLite: one connection writes, others read beside it (WAL). */
export class Sqlite implements Engine {
  readonly name = 'sqlite'
  readonly logs: Segments
  readonly #path: string
  readonly #writes: SqliteConnection
  readonly #idle: SqliteConnection[] = []
  /** Readers for whom there is no connection yet. */
  readonly #waiting: (() => void)[] = []
  readonly #readers = new Set<SqliteConnection>()
  readonly #now: () => number
  #synced = true
  #syncs = 0

  /** `writes` is open, and its schema is the newest. */
  constructor(path: string, writes: SqliteConnection, logs: Segments, now: () => number) {
    this.#path = path
    this.#writes = writes
    this.logs = logs
    this.#now = now
  }

  async begin(durable: boolean): Promise<Transaction> {
    const writes = this.#writes
    this.#syncCommits(durable)
    writes.exec('BEGIN IMMEDIATE')
    const now = this.#now()
    return {
      anew: false,
      begun: Promise.resolve(now),
      likelyNow: now,
      query: writes.query,
      put: async (table, rows) => writes.put(table, rows),
      commit: async (needed, last) => {
        await last
        writes.exec('COMMIT')
        if (needed && !durable) this.#syncAll()
        return { kept: Promise.resolve(), done: Promise.resolve() }
      },
      rollback: async () => {
        // Some errors have ended it already.
        if (writes.database.isTransaction) writes.exec('ROLLBACK')
      },
    }
  }

  /** Whether a COMMIT waits for the disk. SQLite takes one back where that fails: an fsync of our own could not. */
  #syncCommits(durable: boolean): void {
    if (durable === this.#synced) return
    this.#writes.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
    this.#synced = durable
  }

  /** Has all that was committed on disk, by one more commit; one that changes no byte would not be written at all. */
  #syncAll(): void {
    this.#syncCommits(true)
    this.#writes.run(
      'INSERT INTO meta (id, body) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = excluded.body',
      'synced',
      JSON.stringify({ key: 'synced', value: `${process.pid} ${this.#now()} ${++this.#syncs}` }),
    )
  }

  async snapshot<T>(reader: (query: Query, now: number) => Promise<T>): Promise<T> {
    while (this.#idle.length === 0 && this.#readers.size >= mostReaders)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    const connection = this.#idle.pop() ?? this.#reading()
    try {
      connection.exec('BEGIN')
      return await reader(connection.query, this.#now())
    } finally {
      if (connection.database.isTransaction) connection.exec('ROLLBACK')
      this.#idle.push(connection)
      this.#waiting.shift()?.()
    }
  }

  #reading(): SqliteConnection {
    const connection = new SqliteConnection(this.#path, { readOnly: true })
    this.#readers.add(connection)
    return connection
  }

  async close(): Promise<void> {
    await this.logs.close()
    // The one that writes is the last: it brings all that is in the WAL into the database file.
    for (const { database } of this.#readers) database.close()
    this.#writes.database.close()
  }
}
