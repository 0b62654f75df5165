/*
 * The contract of an engine, SQLite or PostgreSQL. Both run the same SQL (sql/), in which each replaces
 * `TEXTS($1)`: the strings of a JSON array as a table with the column `value`. An engine throws every failure
 * as a `StoreFailure`.
 */
import type { Encoded } from './row-encoding.ts'
import type { TableName } from './tables.ts'
import type { SqlRow, SqlValue } from './values.ts'

/**
 * Runs a statement. Those that are started without waiting for one another run in that order, in one round
 * trip.
 */
export type Query = (sql: string, ...params: SqlValue[]) => Promise<SqlRow[]>

/** A transaction that writes; one at a time. After a statement has failed it can only be rolled back. */
export interface Transaction {
  /** Others may have written since the one before. */
  readonly anew: boolean
  /** When it has begun: the store's clock. Statements need not wait for it. */
  readonly begun: Promise<number>
  /** The store's clock, if it is known without a question to the database. */
  readonly likelyNow: number | undefined
  readonly query: Query
  /** Puts rows, in the order of statements. */
  put(rows: RowsToPut): Promise<unknown>
  /**
   * Commits after its `last` statements. Resolves when another transaction may begin, which sees all of this
   * one if it is kept. If one of these promises fails there is nothing to roll back.
   */
  commit(durable: boolean, last: Promise<unknown>): Promise<Commit>
  /** Never fails. */
  rollback(): Promise<void>
}

/** Rows by their tables, of each table at least one. */
export type RowsToPut = ReadonlyMap<TableName, readonly Encoded[]>

export interface Commit {
  /** When it is known to be kept, unless the machine fails. */
  kept: Promise<void>
  /** When it is on disk, if it is to be durable. */
  done: Promise<void>
}

export interface StoreEngine {
  readonly name: 'sqlite' | 'postgres'
  /** Store.lineage */
  readonly lineage: string | undefined
  /** `durable`: its commit is to be so, as far as that is known yet. */
  begin(durable: boolean): Promise<Transaction>
  /** Reads in one snapshot. */
  snapshot<T>(reader: (query: Query, now: number) => Promise<T>): Promise<T>
  readonly logs: LogBytes
  close(): Promise<void>
}

/** Bytes for the log of an execution, from `offset` on. */
export interface LogWrite {
  id: string
  offset: number
  bytes: Uint8Array
}

/** The changes that a batch makes to the bytes of logs before it commits, in this order. */
export interface LogChanges {
  writes: LogWrite[]
  drops: { id: string; from: number; to: number }[]
  syncs: Set<string>
}

/** The bytes of logs. */
export interface LogBytes {
  /**
   * Writes bytes early if that can be undone by not counting them: those beyond the committed ones, and
   * beyond `counted`, which the batch counts already. Gives the rest for `flush`.
   */
  append(query: Query, write: LogWrite, counted: number): Promise<LogWrite | undefined>
  /** Before the commit: makes `changes`. */
  flush(query: Query, changes: LogChanges): Promise<void>
  /** Bytes from `offset` on up to the first that is not there. */
  read(query: Query, id: string, offset: number, length: number): Promise<Buffer>
  /** In a transaction: all bytes of these logs. */
  remove(query: Query, ids: readonly string[]): Promise<void>
  /** After a commit: does the work that had to wait for it. */
  committed(): void
}
