import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Query, StoreEngine, Transaction } from '../engine.ts'
import type { Encoded } from '../row-encoding.ts'
import { eachTable, type TableName, typesOf, upsertFrom } from '../tables.ts'
import type { SqlRow, SqlValue } from '../values.ts'
import { explainSqlite } from './failure.ts'
import type { Segments } from './log-segments.ts'

const upsertOf = eachTable(table => {
  const names = typesOf[table].map(([name]) => name)
  return { names, sql: upsertFrom(table, `VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`) }
})

/**
 * The number of compiled statements that a connection keeps: each combination of filters of a list is a
 * statement of its own.
 */
const mostStatements = 300

/** A connection, which compiles each text of a statement once. */
export class SqliteConnection {
  readonly database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    try {
      this.database = new DatabaseSync(path, { timeout: 10_000, ...options })
    } catch (error) {
      throw explainSqlite(error)
    }
  }

  readonly query: Query = async (sql, ...params) => this.run(sql, ...params)

  run(sql: string, ...params: SqlValue[]): SqlRow[] {
    try {
      return this.#statement(sql).all(...params) as SqlRow[]
    } catch (error) {
      throw explainSqlite(error)
    }
  }

  put(table: TableName, rows: readonly Encoded[]): void {
    const { names, sql } = upsertOf[table]
    for (const row of rows) this.run(sql, ...names.map(name => row[name]!))
  }

  /** Runs statements without parameters or answers. */
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

/** The most connections that read. */
const mostReaders = 8

/** SQLite: one connection writes, others read beside it (WAL). */
export class Sqlite implements StoreEngine {
  readonly name = 'sqlite'
  readonly lineage = undefined
  readonly logs: Segments
  readonly #path: string
  readonly #writes: SqliteConnection
  readonly #idle: SqliteConnection[] = []
  /** Readers that wait for a connection. */
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
      put: async rows => {
        for (const [table, ofTable] of rows) writes.put(table, ofTable)
      },
      commit: async (needed, last) => {
        await last
        writes.exec('COMMIT')
        if (needed && !durable) this.#syncAll()
        return { kept: Promise.resolve(), done: Promise.resolve() }
      },
      rollback: async () => {
        // Some errors have ended the transaction already.
        if (writes.database.isTransaction) writes.exec('ROLLBACK')
      },
    }
  }

  /**
   * Sets whether COMMIT waits for the disk. SQLite takes a COMMIT back whose sync has failed; a sync by this
   * program could not do that.
   */
  #syncCommits(durable: boolean): void {
    if (durable === this.#synced) return
    this.#writes.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
    this.#synced = durable
  }

  /**
   * Puts all earlier commits on disk by one more commit. It changes a byte, since SQLite writes no commit
   * without a change.
   */
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
    let connection: SqliteConnection | undefined
    try {
      connection = this.#idle.pop() ?? this.#reading()
      connection.exec('BEGIN')
      return await reader(connection.query, this.#now())
    } finally {
      if (connection !== undefined) this.#release(connection)
      this.#waiting.shift()?.()
    }
  }

  /** Keeps a connection for the next reader, or closes it where its transaction cannot be ended. */
  #release(connection: SqliteConnection): void {
    const { database } = connection
    try {
      if (database.isTransaction) connection.exec('ROLLBACK')
      this.#idle.push(connection)
    } catch {
      // The reader has its answer. The next one would read from the same old snapshot, so it gets another
      // connection.
      this.#readers.delete(connection)
      if (database.isOpen) database.close()
    }
  }

  #reading(): SqliteConnection {
    const connection = new SqliteConnection(this.#path, { readOnly: true })
    this.#readers.add(connection)
    return connection
  }

  async close(): Promise<void> {
    await this.logs.close()
    // The connection that writes is closed last: it then moves the contents of the WAL into the database
    // file.
    for (const { database } of this.#readers) database.close()
    this.#writes.database.close()
  }
}
