import type { Query, Value } from './engine.ts'
import type { ExecutionRow, Moment, Unreadable } from './store.ts'
import { columnsOf, decode, decodeFound, decodeOr, type Rows, type TableName } from './tables.ts'

/** Where a reader's rows come from: the database alone, or what a writer has put as well. */
export interface Access {
  readonly now: number
  readonly watched: number
  get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined>
  /** Those that are there. */
  getAll<T extends TableName>(table: T, ids: readonly string[]): Promise<Rows[T][]>
  /** Rows by a statement, whose text before this is `SELECT … FROM table`. */
  select<T extends TableName>(
    table: T,
    rest: string,
    ...params: (string | number | null)[]
  ): Promise<Rows[T][]>
  /** The same for a list, in which what `unreadable` makes of their ids stands for rows that cannot be read. */
  list<T extends TableName, U = never>(
    table: T,
    unreadable: Unreadable<U> | undefined,
    rest: string,
    ...params: (string | number | null)[]
  ): Promise<(Rows[T] | U)[]>
  /** A statement that looks at these tables. */
  query(names: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query>
  /** What runners hold, where that is known without a statement. */
  held(runnerIds: readonly string[]): ExecutionRow[] | undefined
  readLog(id: string, offset: number, length: number): Promise<Buffer>
}

/** What is committed. */
export function committed(
  query: Query,
  { now, watched }: Moment,
  readLog: (query: Query, id: string, offset: number, length: number) => Promise<Buffer>,
): Access {
  const find = (table: TableName, rest: string, ...params: Value[]) =>
    query(`SELECT ${columnsOf[table]} FROM ${table} ${rest}`, ...params)
  const select: Access['select'] = async (table, rest, ...params) =>
    decodeFound(table, await find(table, rest, ...params))
  return {
    now,
    watched,
    get: async (table, id) => {
      const [found] = await find(table, 'WHERE id = $1', id)
      return found && decode(table, found)
    },
    getAll: async (table, ids) =>
      ids.length === 0 ? [] : select(table, 'WHERE id IN (SELECT value FROM TEXTS($1))', JSON.stringify(ids)),
    select,
    list: async (table, unreadable, rest, ...params) =>
      unreadable === undefined
        ? select(table, rest, ...params)
        : (await find(table, rest, ...params)).map(answer => decodeOr(table, answer, unreadable)),
    query: (_names, sql, ...params) => query(sql, ...params),
    held: () => undefined,
    readLog: (...range) => readLog(query, ...range),
  }
}
