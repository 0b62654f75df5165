/*
 * The SQLite store that is moved (move.ts): read under the lock of a server, in one snapshot, at the version
 * that it has. Nothing of it is changed but its mark.
 */

import { closeSync, openSync, readSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../edges.ts'
import { fail, ok, type Result } from '../../result.ts'
import { StoreFailure } from '../failure.ts'
import { newestVersion, tooNewText } from '../migrations.ts'
import type { MovedTo } from '../moved.ts'
import { decode, decodeOr, encode } from '../row-encoding.ts'
import type { LogRow } from '../rows.ts'
import { noStoreIn } from '../store-file.ts'
import { columnsOf, selectFrom, type TableName, tableNames } from '../tables.ts'
import type { SqlRow, SqlValue } from '../values.ts'
import { checkSchema } from './backup-contents.ts'
import { SqliteConnection } from './engine.ts'
import { explainSqlite } from './failure.ts'
import { isLogId, Segments, segmentSize } from './log-segments.ts'
import { moveOf, setMove, tablesVersion } from './move-mark.ts'
import { applicationId, explainOpening, lockStore } from './open.ts'
import { keptOf, sizesIn } from './reconcile-logs.ts'

/** A column of a table, with its type in SQLite. */
export interface SourceColumn {
  name: string
  type: string
}

/** Consecutive bytes of a log. */
export interface LogPiece {
  id: string
  start: number
  bytes: Uint8Array
}

/** The most bytes of a piece. */
const longest = 1 << 18

export class MoveSource implements Disposable {
  /** The file, without links. */
  readonly path: string
  /** The version of its tables. */
  readonly version: number
  /** Where it has moved already. */
  readonly moved: MovedTo | undefined
  /** Bytes that rows of logs count, and that the files do not have. */
  missing = 0
  readonly #release: () => void
  readonly #reader: SqliteConnection
  readonly #segments: Segments
  /** The value by which SQLite tells whether another connection has changed the database. */
  readonly #seen: SqlValue

  private constructor(path: string, dataDir: string, reader: SqliteConnection, release: () => void) {
    this.path = path
    this.#reader = reader
    this.#release = release
    this.#segments = new Segments(join(dataDir, 'logs'), () => [])
    this.version = tablesVersion(reader)
    this.moved = moveOf(reader)
    this.#seen = this.#dataVersion()
    reader.exec('BEGIN')
  }

  /** Takes the lock and looks at the file; fails with a sentence. */
  static open(
    file: string,
    dataDir: string | undefined,
    clock: Pick<Clock, 'now'>,
  ): Result<MoveSource, string> {
    const missing = noStoreIn(file)
    if (missing !== undefined) return fail(missing)
    let release = () => {}
    let reader: SqliteConnection | undefined
    try {
      const locked = lockStore(file, clock)
      if (!locked.ok) return fail(locked.failure.detail)
      const { path } = locked.value
      release = locked.value.release
      reader = new SqliteConnection(path, { readOnly: true })
      const problem = problemOf(reader, path)
      if (problem === undefined) return ok(new MoveSource(path, dataDir ?? dirname(path), reader, release))
      reader.database.close()
      release()
      return fail(problem)
    } catch (error) {
      if (reader?.database.isOpen) reader.database.close()
      release()
      return fail(explainOpening(error, file).detail)
    }
  }

  /** The problem with the store as a whole, as a sentence. The check reads all of it. */
  damage(): string | undefined {
    const schema = checkSchema(this.#reader, '')
    if (!schema.ok) return `${this.path} ${schema.failure}`
    const [health] = this.#reader.run('PRAGMA integrity_check(1)')
    if (health?.integrity_check === 'ok') return undefined
    return (
      `the database ${this.path} is damaged (${health?.integrity_check}): ` +
      'restore a backup before it is moved'
    )
  }

  meta(key: string): string | undefined {
    const [row] = this.#reader.run(selectFrom('meta', 'WHERE id = $1'), key)
    return row === undefined ? undefined : decode('meta', row).value
  }

  /** The tables of this version. */
  get tables(): TableName[] {
    const rows = this.#reader.run("SELECT name FROM sqlite_schema WHERE type = 'table'")
    const there = new Set(rows.map(({ name }) => name))
    return tableNames.filter(name => there.has(name))
  }

  columns(table: TableName): SourceColumn[] {
    return this.#reader
      .run(`PRAGMA table_info(${table})`)
      .map(({ name, type }) => ({ name: name as string, type: (type as string).toLowerCase() }))
  }

  count(table: TableName): number {
    return this.#reader.run(`SELECT count(*) AS n FROM ${table}`)[0]!.n as number
  }

  /** The number of bytes of all logs, by their rows. */
  logBytes(): number {
    const kept =
      "CASE WHEN json_valid(body) THEN json_extract(body, '$.tail') - json_extract(body, '$.head') END"
    const sum = `SELECT total(length - coalesce(${kept}, 0)) AS n FROM logs`
    return Number(this.#reader.run(sum)[0]!.n)
  }

  /**
   * All rows of a table by their ids, one in memory at a time. Rows of logs are as the next start of a server
   * would make them.
   */
  *rows(table: TableName): Generator<SqlRow> {
    for (const row of this.#each(`SELECT * FROM ${table} ORDER BY id`))
      yield table === 'logs' ? this.#keptRow(row) : row
  }

  /** The bytes of all logs that count, by the ids of the logs. */
  *logs(): Generator<LogPiece> {
    for (const row of this.#each(`SELECT ${columnsOf.logs}, length FROM logs ORDER BY id`)) {
      const id = String(row.id)
      const { length, head, tail } = decodeOr<'logs', Partial<LogRow>>('logs', this.#keptRow(row), () => ({
        length: row.length as number,
      }))
      const sizes = isLogId(id) ? sizesIn(this.#segments.directory(id)) : new Map<number, number>()
      const isCut = typeof head === 'number' && typeof tail === 'number'
      const ranges = isCut ? [[0, head] as const, [tail, length!] as const] : [[0, length!] as const]
      for (const [from, to] of ranges) yield* this.#pieces(id, from, to, sizes)
    }
  }

  /** Puts the mark of a move on disk, once the reading is over; throws where it cannot. */
  mark(mark: MovedTo | undefined): void {
    if (this.#reader.database.isTransaction) this.#reader.exec('ROLLBACK')
    if (this.#dataVersion() !== this.#seen)
      throw new StoreFailure('failed', `another program has changed ${this.path} meanwhile`)
    const writer = new SqliteConnection(this.path)
    try {
      setMove(writer, mark)
    } finally {
      writer.database.close()
    }
  }

  #dataVersion(): SqlValue {
    return this.#reader.run('PRAGMA data_version')[0]!.data_version!
  }

  *#each(sql: string): Generator<SqlRow> {
    try {
      yield* this.#reader.database.prepare(sql).iterate() as Iterable<SqlRow>
    } catch (error) {
      throw explainSqlite(error)
    }
  }

  /**
   * The row of a log whose bytes are not complete is shortened to the bytes in the files: the rest is sent
   * again.
   */
  #keptRow(answer: SqlRow): SqlRow {
    const row = decodeOr('logs', answer, () => undefined)
    if (row === undefined || row.complete || !isLogId(row.execution_id)) return answer
    const kept = keptOf(row, sizesIn(this.#segments.directory(row.execution_id)))
    return kept === row ? answer : { ...answer, ...encode('logs', kept, 0) }
  }

  *#pieces(id: string, from: number, to: number, sizes: ReadonlyMap<number, number>): Generator<LogPiece> {
    for (let at = from; at < to; ) {
      const start = at - (at % segmentSize)
      const next = Math.min(start + segmentSize, to)
      const end = Math.min(start + (sizes.get(start) ?? 0), to)
      if (at < end)
        yield* readPieces(join(this.#segments.directory(id), String(start)), { id, start, at, end })
      this.missing += next - Math.max(at, Math.min(end, next))
      at = next
    }
  }

  [Symbol.dispose](): void {
    this.#reader.database.close()
    this.#release()
  }
}

function problemOf(reader: SqliteConnection, path: string): string | undefined {
  const [about] = reader.run('PRAGMA application_id')
  if (about?.application_id !== applicationId) return `${path} is not the store of a runner server`
  const version = tablesVersion(reader)
  return version > newestVersion ? tooNewText(path, version) : undefined
}

/** Reads the bytes from `at` to `end` of a segment that begins at `start`. */
function* readPieces(
  path: string,
  { id, start, at, end }: { id: string; start: number; at: number; end: number },
): Generator<LogPiece> {
  const fd = openSync(path, 'r')
  try {
    for (let offset = at; offset < end; ) {
      const bytes = Buffer.alloc(Math.min(longest, end - offset))
      const read = readSync(fd, bytes, 0, bytes.length, offset - start)
      if (read === 0) throw new StoreFailure('failed', `${path} has become shorter meanwhile`)
      yield { id, start: offset, bytes: bytes.subarray(0, read) }
      offset += read
    }
  } finally {
    closeSync(fd)
  }
}
