/* A row as the columns of its table, and back: with defaults left out, and only if it can be relied on. */
import { isUnreadable, StoreFailure } from './failure.ts'
import type { StandIn } from './filters.ts'
import { newestVersion } from './migrations.ts'
import { type Rows, type TableName, tables } from './tables.ts'
import type { SqlRow, SqlValue } from './values.ts'

/** A row by its columns. */
export type Encoded = Record<string, SqlValue>

/** A row by its columns. Throws where a text cannot be a key in every engine. */
export function encode<T extends TableName>(table: T, row: Rows[T], watched: number): Encoded {
  const { id, columns } = tables[table]
  const encoded: Encoded = { id: searchable(table, 'id', id(row)) }
  for (const [name, , value] of columns) encoded[name] = searchable(table, name, value(row, watched))
  encoded.body = `{"format":${newestVersion},${JSON.stringify(shortened(table, row)).slice(1)}`
  return encoded
}

/**
 * A row without the fields that have their default, or that stand in columns alone: reading the row gives
 * them back, and a disk takes half of a row much faster.
 */
function shortened<T extends TableName>(table: T, row: Rows[T]): object {
  const { empty, elsewhere = [] } = tables[table]
  const short: Partial<Rows[T]> = {}
  for (const field of Object.keys(row) as (keyof Rows[T] & string)[])
    if (row[field] !== empty[field] && !elsewhere.includes(field)) short[field] = row[field]
  return short
}

function searchable(table: TableName, name: string, value: SqlValue): SqlValue {
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed()))
    throw new TypeError(`the ${name} of a row in ${table} is not a text that can be searched for`)
  return value
}

/**
 * Reads the row of an answer that has the columns of `columnsOf`. Throws a `StoreFailure` where it cannot be
 * read.
 */
export function decode<T extends TableName>(table: T, answer: SqlRow): Rows[T] {
  const row = checked(table, answer)
  const { kept, over } = tables[table]
  for (const name of kept) Object.assign(row, { [name]: answer[name] })
  return over === undefined ? row : Object.assign(row, over.fields(answer))
}

/**
 * Reads the row of an answer; of one that cannot be read, gives what `unreadable` makes of its id and the
 * reason.
 */
export function decodeOr<T extends TableName, U>(
  table: T,
  answer: SqlRow,
  unreadable: StandIn<U>,
): Rows[T] | U {
  try {
    return decode(table, answer)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    return unreadable(answer.id as string, error.reason)
  }
}

/** A search of these tables passes over rows that cannot be read; a search of any other table fails. */
const passedOver: readonly TableName[] = [
  'executions',
  'runners',
  'notices',
  'schedules',
  'missed',
  'changes',
]

/** Reads the rows of a search, and leaves out those that cannot be read where that may be. */
export function decodeFound<T extends TableName>(table: T, answers: readonly SqlRow[]): Rows[T][] {
  try {
    return answers.map(answer => decode(table, answer))
  } catch {
    return readableOf(table, answers).map(answer => decode(table, answer))
  }
}

/** The answers whose rows can be read, of tables where others are passed over. */
export function readableOf(table: TableName, answers: readonly SqlRow[]): readonly SqlRow[] {
  const isReadable = (answer: SqlRow) => decodeOr(table, answer, () => undefined) !== undefined
  return passedOver.includes(table) ? answers.filter(isReadable) : answers
}

/** The row in the body of an answer with its defaults, once it is known to be one of this table. */
function checked<T extends TableName>(table: T, { id, body }: SqlRow): Rows[T] {
  const { format = 1, ...written } = jsonIn(body as string)
  if (format > newestVersion)
    throw new StoreFailure(
      'too-new',
      `a newer program has written the row ${id} of ${table}: ` +
        `its format is ${format}, and this program reads formats up to ${newestVersion}`,
    )
  const row = { ...tables[table].empty, ...written }
  // A row without its own id has nothing else that could be relied on.
  if (tables[table].id(row) !== id || tables[table].needs.some(field => row[field] === undefined))
    throw new StoreFailure('damaged', `the row ${id} of ${table} cannot be read`)
  return row
}

/** The value of a text as JSON; an object without fields where it has none. */
function jsonIn(text: string) {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
