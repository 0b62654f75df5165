/* The copying of a move (move.ts), in batches of bounded memory, and the check of what has arrived. */
import { createHash, hash } from 'node:crypto'
import type { MoveTarget, TargetColumn } from './postgres/move-target.ts'
import { decodeOr } from './row-encoding.ts'
import type { LogPiece, MoveSource, SourceColumn } from './sqlite/move-source.ts'
import type { TableName } from './tables.ts'
import type { SqlRow, SqlValue } from './values.ts'

/** The progress of a move. */
export interface Progress {
  stage: 'copied' | 'checked'
  rows: number
  ofRows: number
  /** The bytes of logs. */
  bytes: number
  ofBytes: number
}

/** Hears how many rows and bytes of logs more are done. */
type Tell = (rows: number, bytes: number) => void

/** Rows that PostgreSQL cannot hold, each as a text for a person. */
export class TooOdd {
  readonly rows: string[] = []
}

interface Copied {
  /** Rows that cannot be read, in either database. */
  damaged: number
  /** Reads what has arrived; gives what is wrong, as a text that continues after the name of the database. */
  check(tell: Tell): Promise<string | undefined>
}

/** The size of a batch, in characters or bytes, about, and the most rows or pieces of one. */
const batchSize = 4 << 20
const batchCount = 1000

/** Copies the rows of a table. */
export async function copyTable(
  source: MoveSource,
  target: MoveTarget,
  table: TableName,
  tell: Tell,
): Promise<Copied | TooOdd> {
  const from = source.columns(table)
  const columns = from.map(inPostgres)
  const sent = new Digest()
  const odd = new TooOdd()
  let damaged = 0
  function* fitting(): Generator<SqlRow> {
    for (const row of source.rows(table)) {
      if (decodeOr(table, textual(row), () => undefined) === undefined) damaged++
      const fitted = fit(row, from)
      if (typeof fitted === 'string') odd.rows.push(`${table} ${String(row.id).slice(0, 80)}: ${fitted}`)
      else yield fitted
    }
  }
  for (const batch of batches(fitting(), ({ body }) => (body as string).length)) {
    if (odd.rows.length > 0) continue
    for (const row of batch) sent.add(columns, { ...row, body: hash('sha256', row.body as string) })
    await target.put(table, columns, batch)
    tell(batch.length, 0)
  }
  if (odd.rows.length > 0) return odd
  const check = async (tell: Tell) => {
    const arrived = new Digest()
    for await (const rows of target.rows(table, columns)) {
      for (const row of rows) arrived.add(columns, row)
      tell(rows.length, 0)
    }
    return sent.differs(arrived, `rows of ${table}`)
  }
  return { damaged, check }
}

/** Copies the bytes of all logs. */
export async function copyLogs(
  source: MoveSource,
  target: MoveTarget,
  tell: Tell,
): Promise<Pick<Copied, 'check'>> {
  const sent = new Digest()
  for (const batch of batches(source.logs(), ({ bytes }) => bytes.length)) {
    for (const piece of batch) sent.add(placeColumns, placeOf(piece))
    await target.putLogs(batch)
    tell(
      0,
      batch.reduce((sum, { bytes }) => sum + bytes.length, 0),
    )
  }
  const check = async (tell: Tell) => {
    const arrived = new Digest()
    for await (const places of target.logPlaces()) {
      for (const place of places) arrived.add(placeColumns, place)
      tell(
        0,
        places.reduce((sum, { size }) => sum + (size as number), 0),
      )
    }
    return sent.differs(arrived, 'pieces of logs')
  }
  return { check }
}

const placeColumns = ['log_id', 'start', 'size', 'hash'].map(name => ({ name }))
const placeOf = ({ id, start, bytes }: LogPiece): SqlRow => ({
  log_id: id,
  start,
  size: bytes.length,
  hash: hash('sha256', bytes),
})

/** A count and a hash of rows in their order. */
class Digest {
  #count = 0
  #value: string | undefined
  readonly #hash = createHash('sha256')

  add(columns: readonly { name: string }[], row: SqlRow): void {
    this.#count++
    this.#hash.update(`${JSON.stringify(columns.map(({ name }) => row[name]))}\n`)
  }

  differs(other: Digest, what: string): string | undefined {
    if (this.#count !== other.#count) return `has ${other.#count} ${what}, and ${this.#count} were written`
    return this.value === other.value ? undefined : `has other ${what} than were written`
  }

  get value(): string {
    this.#value ??= this.#hash.digest('hex')
    return this.#value
  }
}

function* batches<T>(items: Iterable<T>, sizeOf: (item: T) => number): Generator<T[]> {
  let batch: T[] = []
  let size = 0
  for (const item of items) {
    const own = sizeOf(item)
    if (batch.length > 0 && (size + own > batchSize || batch.length >= batchCount)) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(item)
    size += own
  }
  if (batch.length > 0) yield batch
}

function inPostgres({ name, type }: SourceColumn): TargetColumn {
  return { name, type: type === 'integer' ? 'bigint' : type === 'double precision' ? type : 'text' }
}

/** A row as the server reads it. */
const textual = (row: SqlRow): SqlRow =>
  typeof row.body === 'string' ? row : { ...row, body: String(row.body) }

/**
 * A row as PostgreSQL can hold it, or why it cannot. A body with a NUL byte, or that is not a text at all, is
 * damaged, and stays so: no JSON has the character that is put in place of NUL either.
 */
function fit(row: SqlRow, columns: readonly SourceColumn[]): SqlRow | string {
  const body = String(row.body).replaceAll('\0', '\u0001')
  for (const { name, type } of columns) {
    const value = name === 'body' ? body : row[name]!
    const problem = name === 'id' && value === null ? 'is empty' : problemOf(value, type)
    if (problem !== undefined) return `its column ${name} ${problem}`
  }
  return { ...row, body }
}

function problemOf(value: SqlValue, type: string): string | undefined {
  if (value === null) return undefined
  if (type === 'integer') return Number.isSafeInteger(value) ? undefined : 'is not a whole number'
  if (type === 'double precision') return Number.isFinite(value) ? undefined : 'is not a number'
  if (typeof value !== 'string') return 'is not a text'
  return value.includes('\0') ? 'has a NUL byte' : undefined
}
