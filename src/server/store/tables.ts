/*
 * The tables as both engines have them: beside the columns that are searched, the whole row as JSON in `body`. A
 * column that statements change by themselves counts more than what `body` says (`kept`).
 */
import { endStates } from '../../protocol/states.ts'
import type { Answer, Value } from './engine.ts'
import { StoreFailure } from './failure.ts'
import type {
  DefinitionRow,
  ExecutionRow,
  GroupRow,
  IdempotencyRow,
  JobRow,
  LogRow,
  RunnerRow,
  TokenRow,
  Unreadable,
} from './store.ts'
import { checkAt, queueOf } from './store.ts'

/** The rows of each table. */
export interface Rows {
  executions: ExecutionRow
  definitions: DefinitionRow
  outputs: { execution_id: string; sealed: string }
  jobs: JobRow
  runners: RunnerRow
  groups: GroupRow
  tokens: TokenRow
  logs: LogRow
  idempotency: IdempotencyRow
  meta: { key: string; value: string }
}
export type TableName = keyof Rows

type Column<Row> = [
  type: 'text' | 'double precision' | 'integer',
  value: (row: Row, watched: number) => Value,
]

interface Table<Row> {
  id(row: Row): string
  columns: Record<string, Column<Row>>
  /** Columns that stand over `body`. */
  kept: readonly (keyof Row & string)[]
}

/** When an execution ended for good. */
function endedAt(row: ExecutionRow): number | null {
  if (row.state === 'lost') return row.finished_at
  return endStates.includes(row.state) ? (row.finished_at ?? row.created_at) : null
}

const keyed = <Row>(id: (row: Row) => string): Table<Row> => ({ id, columns: {}, kept: [] })

export const tables: { [T in TableName]: Table<Rows[T]> } = {
  executions: {
    id: row => row.id,
    columns: {
      grp: ['text', row => row.group],
      job_name: ['text', row => row.job_name],
      kind: ['text', row => row.kind],
      state: ['text', row => row.state],
      queue: ['text', queueOf],
      priority: ['integer', row => row.priority],
      runner_id: ['text', row => row.runner_id],
      deadline: ['double precision', row => row.deadline],
      ended_at: ['double precision', endedAt],
    },
    kept: ['deadline'],
  },
  definitions: keyed(row => row.group),
  outputs: keyed(row => row.execution_id),
  jobs: keyed(row => row.name),
  runners: {
    id: row => row.id,
    columns: {
      said_group: ['text', row => row.said.runner_group],
      set_group: ['text', row => row.set.runner_group ?? null],
      session: ['integer', row => row.session],
      seen_until: ['double precision', row => row.seen_until],
      reserve_until: ['double precision', row => row.reserve_until],
      back_until: ['double precision', row => row.back_until],
      check_at: ['double precision', checkAt],
    },
    kept: ['seen_until', 'reserve_until', 'back_until'],
  },
  groups: keyed(row => row.name),
  tokens: {
    id: row => row.id,
    columns: {
      hash: ['text', row => row.hash],
      kind: ['text', row => row.kind],
      runner_id: ['text', row => row.runner_id],
      session: ['integer', row => row.session],
      created_at: ['double precision', row => row.created_at],
    },
    kept: [],
  },
  logs: {
    id: row => row.execution_id,
    columns: {
      length: ['double precision', row => row.length],
      complete: ['integer', row => Number(row.complete)],
    },
    kept: [],
  },
  idempotency: {
    id: row => idempotencyId(row.token_id, row.key),
    columns: { created_at: ['double precision', row => row.created_at] },
    kept: [],
  },
  meta: keyed(row => row.key),
}

export const tableNames = Object.keys(tables) as TableName[]

/** One text for the two parts of an idempotency key. */
export function idempotencyId(tokenId: string, key: string): string {
  return `${tokenId} ${key}`
}

/** A row by its columns. */
export type Encoded = Record<string, Value>

/** A row by its columns. Throws where a text cannot be a key in every engine. */
export function encode<T extends TableName>(table: T, row: Rows[T], watched: number): Encoded {
  const encoded: Encoded = {}
  for (const [name, read] of keysOf[table]) {
    const value = read(row, watched)
    if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed()))
      throw new TypeError(`the ${name} of a row in ${table} is no text that can be searched for`)
    encoded[name] = value
  }
  encoded.body = JSON.stringify(row)
  return encoded
}

/** The row of an answer that has the columns of `columnsOf`. Throws a `StoreFailure` where it cannot be read. */
export function decode<T extends TableName>(table: T, answer: Answer): Rows[T] {
  const row = parsed(table, answer) as Rows[T]
  for (const name of tables[table].kept) Object.assign(row, { [name]: answer[name] })
  return row
}

/** The row of an answer, or what `unreadable` makes of its id. */
export function decodeOr<T extends TableName, U>(
  table: T,
  answer: Answer,
  unreadable: Unreadable<U>,
): Rows[T] | U {
  try {
    return decode(table, answer)
  } catch {
    return unreadable(answer.id as string)
  }
}

/** Those who search these tables pass damaged rows over; of the others everything is wanted, or nothing. */
const passedOver: readonly TableName[] = ['executions', 'runners']

/** Reads the rows of a search, and leaves out what is damaged where that may be. */
export function decodeFound<T extends TableName>(table: T, answers: readonly Answer[]): Rows[T][] {
  try {
    return answers.map(answer => decode(table, answer))
  } catch {
    return withoutDamaged(table, answers).map(answer => decode(table, answer))
  }
}

/** Those answers whose rows can be read, of tables where damaged ones are passed over. */
export function withoutDamaged(table: TableName, answers: readonly Answer[]): readonly Answer[] {
  return passedOver.includes(table) ? answers.filter(answer => !isDamaged(table, answer)) : answers
}

function isDamaged(table: TableName, answer: Answer): boolean {
  try {
    parsed(table, answer)
    return false
  } catch {
    return true
  }
}

function parsed(table: TableName, { id, body }: Answer): unknown {
  let row: unknown
  try {
    row = JSON.parse(body as string)
  } catch {
    row = null
  }
  // One without its own id has nothing else that could be relied on.
  if (typeof row === 'object' && row !== null && (tables[table] as Table<unknown>).id(row) === id) return row
  throw new StoreFailure('damaged', `the row ${id} of ${table} cannot be read`)
}

/** What is selected where rows are to be decoded. */
export const columnsOf = eachTable(name => ['id', ...tables[name].kept, 'body'].join(', '))

/** How each column but `body` is made. */
const keysOf = eachTable(name => {
  const { id, columns } = tables[name] as Table<never>
  const others = Object.entries(columns).map(([column, [, value]]) => [column, value] as const)
  return [['id', id] as const, ...others] as [string, (row: Rows[TableName], watched: number) => Value][]
})

/** The columns as `encode` gives them, by their types. */
export const typesOf = eachTable(name => {
  const others = Object.entries(tables[name].columns).map(([column, [type]]) => [column, type] as const)
  return [['id', 'text'], ...others, ['body', 'text']] as const
})

/** A statement that puts the rows of `source`, which gives all columns. */
export function upsertFrom(name: TableName, source: string): string {
  const names = typesOf[name].map(([column]) => column)
  const sets = names.slice(1).map(column => `${column} = excluded.${column}`)
  return `INSERT INTO ${name} (${names.join(', ')}) ${source} ON CONFLICT (id) DO UPDATE SET ${sets.join(', ')}`
}

/** One for each table. */
export function eachTable<T>(make: (name: TableName) => T): Record<TableName, T> {
  return Object.fromEntries(tableNames.map(name => [name, make(name)])) as Record<TableName, T>
}
