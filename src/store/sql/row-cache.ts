import type { ChainEnd } from '../../protocol/messages/audit.ts'
import { endStates } from '../../protocol/states.ts'
import type { ExecutionRow } from '../rows.ts'
import type { Rows, TableName } from '../tables.ts'
import { LeaseCache } from './lease-cache.ts'
import { LineCache } from './line-cache.ts'
import { longest, QueueCache } from './queue-cache.ts'

/** The most rows of each table that are remembered from one batch to the next. */
const most: Record<TableName, number> = {
  executions: 2000,
  definitions: 2000,
  runners: 500,
  groups: 500,
  logs: 500,
  outputs: 0,
  jobs: 0,
  tokens: 0,
  idempotency: 0,
  meta: 100,
  audit: 0,
  schedules: 0,
  missed: 0,
  notices: 0,
  buckets: 0,
  browser_sessions: 0,
  browser_codes: 0,
  changes: 0,
}
const names = Object.keys(most) as TableName[]

/** Rows by their ids; undefined: the database has no such row. */
type Known = { [T in TableName]: Map<string, Rows[T] | undefined> }

/**
 * The rows that the batch under way has read or put. The next batch need not read the rows that `trim` keeps:
 * nobody else writes while this server holds the store.
 */
export class RowCache {
  readonly queues = new QueueCache()
  readonly leases = new LeaseCache()
  readonly lines = new LineCache()
  /** The latest entry of the audit log; undefined: not known. */
  auditEnd: ChainEnd | undefined
  /** The number of the latest change; undefined: not known. */
  changeEnd: number | undefined
  readonly #tables: Known = {
    executions: new Map(),
    definitions: new Map(),
    runners: new Map(),
    groups: new Map(),
    logs: new Map(),
    outputs: new Map(),
    jobs: new Map(),
    tokens: new Map(),
    idempotency: new Map(),
    meta: new Map(),
    audit: new Map(),
    schedules: new Map(),
    missed: new Map(),
    notices: new Map(),
    buckets: new Map(),
    browser_sessions: new Map(),
    browser_codes: new Map(),
    changes: new Map(),
  }
  /** Rows to forget when the batch ends: long ones, and those of executions that have ended. */
  readonly #passing: [TableName, string][] = []

  /** Whether a row is known, or known not to be there. */
  has(table: TableName, id: string): boolean {
    return this.#tables[table].has(id)
  }

  get<T extends TableName>(table: T, id: string): Rows[T] | undefined {
    return this.#tables[table].get(id)
  }

  /**
   * Remembers a row as the database has it, with the length of its text; undefined: the database has no such
   * row.
   */
  learn<T extends TableName>(table: T, id: string, row: Rows[T] | undefined, length = 0): void {
    const rows: Known[T] = this.#tables[table]
    // The row moves to the end: `trim` forgets the first rows first.
    rows.delete(id)
    rows.set(id, row)
    if (length > longest && (table === 'definitions' || table === 'logs')) this.#passing.push([table, id])
    if (table === 'executions' && this.#hasEnded(id)) this.#passing.push(['executions', id], ['logs', id])
  }

  #hasEnded(id: string): boolean {
    const execution = this.get('executions', id)
    return execution !== undefined && endStates.includes(execution.state)
  }

  /** Remembers executions as the caches of queues and leases have them. */
  know(rows: readonly ExecutionRow[]): void {
    for (const row of rows) if (!this.has('executions', row.id)) this.learn('executions', row.id, row)
  }

  /**
   * Takes in a row that was put, with the length of its text. `before` is the row that it replaces, undefined
   * for a new row.
   */
  put<T extends TableName>(
    table: T,
    id: string,
    row: Rows[T],
    before: Rows[T] | undefined,
    length: number,
  ): void {
    if (table === 'executions') {
      const [execution, former] = [row as ExecutionRow, before as ExecutionRow | undefined]
      this.queues.put(execution, former)
      this.leases.put(execution, former)
      this.lines.put(execution, former)
      // An execution that was queued has no log: only a runner that has confirmed writes to the log.
      if (former?.state === 'queued' && execution.state !== 'queued' && !this.has('logs', id))
        this.learn('logs', id, undefined)
    }
    this.learn(table, id, row, length)
  }

  /** Ends the batch: keeps the rows that were read or put last. */
  trim(): void {
    this.queues.trim()
    this.leases.trim()
    for (const [table, id] of this.#passing.splice(0)) this.#tables[table].delete(id)
    for (const name of names) {
      const rows = this.#tables[name]
      for (const id of rows.keys()) {
        if (rows.size <= most[name]) break
        rows.delete(id)
      }
    }
  }

  /** Forgets rows. The caches of queues, leases and lines stay as they are. */
  forget(table: TableName, ids: readonly string[]): void {
    for (const id of ids) this.#tables[table].delete(id)
  }

  /**
   * Forgets these tables, or all: a statement has changed them, or the database may not have the rows that
   * were put.
   */
  clear(tables: readonly TableName[] = names): void {
    for (const name of tables) this.#tables[name].clear()
    if (tables === names) this.auditEnd = this.changeEnd = undefined
    if (!tables.includes('executions')) return
    this.queues.clear()
    this.leases.clear()
    this.lines.clear()
  }
}
