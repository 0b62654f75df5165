import type { Query } from '../engine.ts'
import type { StandIn } from '../filters.ts'
import type { Moment } from '../reader.ts'
import { decodeOr } from '../row-encoding.ts'
import { type Rows, selectFrom, type TableName } from '../tables.ts'
import type { SqlValue } from '../values.ts'

/**
 * The parts of which the questions to the store are made. A subclass gives the rows: those of a snapshot, or
 * those that a writer sees.
 */
export abstract class RowReader implements Moment {
  readonly now: number
  readonly watched: number

  constructor({ now, watched }: Moment) {
    this.now = now
    this.watched = watched
  }

  protected abstract get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined>
  /** The rows of these ids; a row that is missing is left out. */
  protected abstract getAll<T extends TableName>(table: T, ids: readonly string[]): Promise<Rows[T][]>
  /** The rows of the statement `SELECT … FROM table`, followed by `rest`. */
  protected abstract select<T extends TableName>(
    table: T,
    rest: string,
    ...params: SqlValue[]
  ): Promise<Rows[T][]>
  /** Runs a statement that reads these tables. */
  protected abstract query(tables: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query>

  /** The same as `select`, for a list in which `unreadable` replaces each row that cannot be read. */
  protected async list<T extends TableName, U = never>(
    table: T,
    unreadable: StandIn<U> | undefined,
    rest: string,
    ...params: SqlValue[]
  ): Promise<(Rows[T] | U)[]> {
    if (unreadable === undefined) return this.select(table, rest, ...params)
    const found = await this.query([table], selectFrom(table, rest), ...params)
    return found.map(row => decodeOr(table, row, unreadable))
  }

  async meta(key: string): Promise<string | undefined> {
    return (await this.get('meta', key))?.value
  }
}
