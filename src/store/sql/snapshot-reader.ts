import type { LogBytes, Query } from '../engine.ts'
import type { Moment } from '../reader.ts'
import { decode, decodeFound } from '../row-encoding.ts'
import { type Rows, selectFrom, type TableName } from '../tables.ts'
import type { SqlValue } from '../values.ts'
import { SqlReader } from './reader.ts'

/** Reads the committed rows, by the statements of one snapshot. */
export class SnapshotReader extends SqlReader {
  readonly #query: Query
  readonly #logs: LogBytes

  constructor(query: Query, moment: Moment, logs: LogBytes) {
    super(moment)
    this.#query = query
    this.#logs = logs
  }

  protected async get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined> {
    const [found] = await this.#query(selectFrom(table, 'WHERE id = $1'), id)
    return found && decode(table, found)
  }

  protected async getAll<T extends TableName>(table: T, ids: readonly string[]): Promise<Rows[T][]> {
    if (ids.length === 0) return []
    return this.select(table, 'WHERE id IN (SELECT value FROM TEXTS($1))', JSON.stringify(ids))
  }

  protected async select<T extends TableName>(
    table: T,
    rest: string,
    ...params: SqlValue[]
  ): Promise<Rows[T][]> {
    return decodeFound(table, await this.#query(selectFrom(table, rest), ...params))
  }

  protected query(_tables: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query> {
    return this.#query(...statement)
  }

  readLog(executionId: string, offset: number, length: number): Promise<Buffer> {
    return this.#logs.read(this.#query, executionId, offset, length)
  }
}
