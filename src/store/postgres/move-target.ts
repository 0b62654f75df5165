/*
 * The PostgreSQL to which a store is moved (move.ts): one connection, under the lock of a server, and one
 * transaction for all rows.
 */
import type { Client } from 'pg'
import { fail, ok, type Result } from '../../result.ts'
import type { Query } from '../engine.ts'
import { StoreFailure } from '../failure.ts'
import { migrationsFor } from '../migrations.ts'
import { type MovedFrom, movedFromIn, movedFromKey } from '../moved.ts'
import type { StoreOpenFailure } from '../opened.ts'
import { decode, type Encoded } from '../row-encoding.ts'
import { selectFrom, type TableName, tableNames } from '../tables.ts'
import type { SqlRow, SqlValue } from '../values.ts'
import { configOf, explainOpening, lock, lookAtServer, migrationsTable, schema, settings } from './connect.ts'
import { explainPostgres } from './failure.ts'
import { execute, putRows, queryOn } from './statements.ts'

/** The content of a database before a move. */
export type TargetState =
  | { kind: 'empty' }
  /** All of a store that was moved here; `check` is that of its key. */
  | { kind: 'moved'; mark: MovedFrom; check: string | undefined }
  /** A store of a server that was not moved here. */
  | { kind: 'store' }
  /** Tables or the like of another program. */
  | { kind: 'foreign'; names: string[] }

/** A column, with its type in PostgreSQL. */
export interface TargetColumn {
  name: string
  type: 'bigint' | 'double precision' | 'text'
}

const ownTables = [...tableNames, 'log_chunks', 'migrations']
/** An hour: an index of a large table is one statement. */
const longestStatement = 3_600_000
/**
 * Nothing that an administrator has set for the user may cut a long transaction off, or make it forgetful.
 */
const sessionSettings = `SET statement_timeout TO 0; SET idle_in_transaction_session_timeout TO 0;
  SET idle_session_timeout TO 0; SET synchronous_commit TO on`
/** With this PostgreSQL soon gives up the lock of a move that was killed; some systems do not have it. */
const checkClient = "SET client_connection_check_interval TO '2s'"

export class MoveTarget implements AsyncDisposable {
  readonly query: Query
  readonly #client: Client
  readonly #url: string
  readonly #isMade: boolean
  /** Why the connection was lost. A statement that is sent later fails with an error that does not say it. */
  #lost: Error | undefined

  private constructor(client: Client, url: string, isMade: boolean) {
    this.#client = client
    this.#url = url
    this.#isMade = isMade
    client.on('error', error => {
      this.#lost ??= error
    })
    const query = queryOn(client)
    this.query = (sql, ...params) => this.#explained(query(sql, ...params))
  }

  /** Connects, and takes the lock. */
  static async open(url: string): Promise<Result<MoveTarget, StoreOpenFailure>> {
    const { default: pg } = await import('pg')
    let client: Client
    try {
      const own = { application_name: 'runner server move', query_timeout: longestStatement }
      client = new pg.Client({ ...configOf(url), ...own })
    } catch {
      return fail({
        reason: 'database-invalid',
        detail: 'the target is not a valid postgres://USER@HOST/NAME',
      })
    }
    // The statement under way fails with the same error.
    client.on('error', () => {})
    try {
      await client.connect()
      await lock(client)
      await execute(client, `${settings}; ${sessionSettings}`)
      await execute(client, checkClient).catch(() => {})
      const { isMade, problem } = await lookAtServer(client)
      if (problem === undefined) return ok(new MoveTarget(client, url, isMade))
      await client.end()
      return fail(problem)
    } catch (error) {
      await client.end().catch(() => {})
      return fail(explainOpening(explainPostgres(error), url))
    }
  }

  /** Turns a failure into a sentence for a person. */
  async #explained<T>(action: Promise<T>): Promise<T> {
    try {
      return await action
    } catch (error) {
      const cause = this.#lost ?? error
      const { reason } = explainPostgres(cause)
      throw new StoreFailure(reason, explainOpening(cause, this.#url, 'do the same again').detail, { cause })
    }
  }

  #execute(text: string): Promise<SqlRow[]> {
    return this.#explained(execute(this.#client, text))
  }

  async state(): Promise<TargetState> {
    const found = await this.query(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1)
          AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
          AND NOT (relkind = 'S'
            AND EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'i'))
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace($1)
        UNION ALL SELECT typname FROM pg_type
          WHERE typnamespace = to_regnamespace($1) AND typtype IN ('d', 'e', 'r')
        ORDER BY name`,
      schema,
    )
    const names = found.map(({ name }) => String(name))
    const foreign = names.filter(name => !ownTables.includes(name))
    if (foreign.length > 0) return { kind: 'foreign', names: foreign }
    if (names.includes('meta')) {
      const meta = (key: string) => this.query(selectFrom('meta', 'WHERE id = $1'), key)
      const [[mark], [check]] = await Promise.all([meta(movedFromKey), meta('key_check')])
      if (mark !== undefined)
        return { kind: 'moved', mark: movedFromIn(mark), check: check && decode('meta', check).value }
    }
    for (const name of names)
      if (name !== 'migrations' && (await this.query(`SELECT 1 AS found FROM ${name} LIMIT 1`)).length > 0)
        return { kind: 'store' }
    return { kind: 'empty' }
  }

  /** Begins the transaction, and makes the tables of a version anew. */
  async begin(version: number): Promise<void> {
    const made = migrationsFor('postgres').slice(0, version)
    await this.#execute(
      `BEGIN; ${this.#isMade ? '' : `CREATE SCHEMA ${schema};`}
        DROP TABLE IF EXISTS ${ownTables.join(', ')}; ${migrationsTable};
        ${made.join(';\n')}; ${versions(0, version)}`,
    )
  }

  /** Puts rows into a table, all of whose columns are named. */
  async put(table: TableName, columns: readonly TargetColumn[], rows: readonly SqlRow[]): Promise<void> {
    const names = columns.map(({ name }) => name).join(', ')
    const types = columns.map(({ name, type }) => `${name} ${type}`).join(', ')
    await this.query(
      `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE
        SELECT ${names} FROM json_to_recordset(CAST($1 AS json)) AS rows (${types})`,
      JSON.stringify(rows),
    )
  }

  /** Puts bytes of logs. */
  async putLogs(pieces: readonly { id: string; start: number; bytes: Uint8Array }[]): Promise<void> {
    let at = 1
    const places = pieces.map(({ id, start, bytes }) => {
      const place = { id, start, at, size: bytes.length }
      at += bytes.length
      return place
    })
    await this.query(
      `INSERT INTO log_chunks (log_id, start, size, bytes)
        SELECT id, start, size, substring(CAST($2 AS bytea) FROM at FOR size)
        FROM json_to_recordset(CAST($1 AS json)) AS places (id text, start bigint, at integer, size integer)`,
      JSON.stringify(places),
      Buffer.concat(pieces.map(({ bytes }) => bytes)),
    )
  }

  /** Brings the tables of a version up to date, and gives new rows numbers after the existing ones. */
  async complete(version: number): Promise<void> {
    const left = migrationsFor('postgres').slice(version)
    if (left.length > 0)
      await this.#execute(`${left.join(';\n')}; ${versions(version, version + left.length)}`)
    for (const name of ['executions', 'runners', 'tokens'])
      await this.query(
        `SELECT setval(pg_get_serial_sequence($1, 'seq'), max(seq)) FROM ${name} HAVING count(*) > 0`,
        `${schema}.${name}`,
      )
  }

  /** The rows of a table by their ids, in pages: the columns as they were put, of the body its SHA-256. */
  async *rows(table: TableName, columns: readonly TargetColumn[]): AsyncGenerator<SqlRow[]> {
    const selected = columns.map(({ name, type }) =>
      name === 'body'
        ? "encode(sha256(convert_to(body, 'UTF8')), 'hex') AS body"
        : type === 'bigint'
          ? `CAST(${name} AS double precision) AS ${name}`
          : name,
    )
    const select = `SELECT ${selected.join(', ')} FROM ${table}`
    yield* this.#pages(
      after => (after === undefined ? '' : 'WHERE id > $1'),
      rest => `${select} ${rest} ORDER BY id LIMIT ${page}`,
      row => [row.id!],
    )
  }

  /** The places of all bytes of logs, with their SHA-256, in pages. */
  async *logPlaces(): AsyncGenerator<SqlRow[]> {
    yield* this.#pages(
      after => (after === undefined ? '' : 'WHERE (log_id, log_chunks.start) > ($1, CAST($2 AS bigint))'),
      rest => `SELECT log_id, CAST(start AS double precision) AS start, size,
          encode(sha256(bytes), 'hex') AS hash
        FROM log_chunks ${rest} ORDER BY log_id, log_chunks.start LIMIT ${page}`,
      row => [row.log_id!, row.start!],
    )
  }

  async *#pages(
    condition: (after: SqlValue[] | undefined) => string,
    statement: (condition: string) => string,
    placeOf: (row: SqlRow) => SqlValue[],
  ): AsyncGenerator<SqlRow[]> {
    for (let after: SqlValue[] | undefined; ; ) {
      const rows = await this.query(statement(condition(after)), ...(after ?? []))
      if (rows.length === 0) return
      yield rows
      after = placeOf(rows.at(-1)!)
    }
  }

  /** Puts rows of the newest version over those of the same id. */
  putEncoded(table: TableName, rows: readonly Encoded[]): Promise<void> {
    return putRows(this.query, new Map([[table, rows]]))
  }

  /** Ends the transaction: all of it is on disk when this resolves. */
  async commit(): Promise<void> {
    const { command } = await this.#explained(this.#client.query('COMMIT'))
    if (command !== 'COMMIT') throw new StoreFailure('failed', 'a statement of the transaction failed')
  }

  /** Ends the connection, and with it the lock and whatever is not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => {})
  }
}

/** The rows of a page. */
const page = 1000

const versions = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, n) => `INSERT INTO migrations VALUES (${from + n + 1})`).join(';\n')
