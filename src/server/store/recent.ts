import { endStates } from '../../protocol/states.ts'
import { HeldRows } from './held.ts'
import { longest, WaitingQueues } from './queues.ts'
import type { Rows, TableName } from './tables.ts'

/** How many rows of which tables are remembered: of those that stay when nothing is to be done, fewer. */
const most = { executions: 2000, definitions: 2000, runners: 500, groups: 500, logs: 500 }
type Kept = keyof typeof most
const kept = Object.keys(most) as Kept[]

/**
 * What the latest transactions have left, so that the next need not read it: nobody else writes, as long as this
 * server holds the store. Executions that have ended are not among it.
 */
export class Recent {
  readonly queues = new WaitingQueues()
  readonly held = new HeldRows()
  readonly #tables = Object.fromEntries(kept.map(name => [name, new Map()])) as unknown as {
    [T in Kept]: Map<string, Rows[T] | undefined>
  }

  /** Undefined: rows of this table are not remembered. */
  #rowsOf<T extends TableName>(table: T): Map<string, Rows[T] | undefined> | undefined {
    return (this.#tables as { [T in TableName]?: Map<string, Rows[T] | undefined> })[table]
  }

  /** Whether it is known if there is such a row. */
  has(table: TableName, id: string): boolean {
    return this.#rowsOf(table)?.has(id) ?? false
  }

  get<T extends TableName>(table: T, id: string): Rows[T] | undefined {
    return this.#rowsOf(table)?.get(id)
  }

  /** A row as the database has it; undefined: it has none. */
  learn<T extends TableName>(table: T, id: string, row: Rows[T] | undefined, size = 0): void {
    this.#set(table, id, row, size)
  }

  /** A row that was put; `before`: as it was, undefined where it is new. */
  put<T extends TableName>(
    table: T,
    id: string,
    row: Rows[T],
    before: Rows[T] | undefined,
    size: number,
  ): void {
    if (table === 'executions') {
      const [execution, former] = [row as Rows['executions'], before as Rows['executions'] | undefined]
      this.queues.put(execution, former)
      this.held.put(execution, former)
      // Only who has confirmed writes to the log.
      if (former?.state === 'queued' && execution.state !== 'queued' && !this.has('logs', id))
        this.#tables.logs.set(id, undefined)
    }
    this.#set(table, id, row, size)
  }

  #set<T extends TableName>(table: T, id: string, row: Rows[T] | undefined, size: number): void {
    const rows = this.#rowsOf(table)
    if (rows === undefined) return
    // Behind all others: the first are forgotten first.
    rows.delete(id)
    if (
      table === 'executions' &&
      endStates.includes((row as Rows['executions'] | undefined)?.state as never)
    ) {
      this.#tables.logs.delete(id)
      return
    }
    if (size <= longest || (table !== 'definitions' && table !== 'logs')) rows.set(id, row)
  }

  /** Keeps the latest that were put. */
  trim(): void {
    this.queues.trim()
    this.held.trim()
    for (const name of kept) {
      const rows = this.#tables[name]
      for (const id of rows.keys()) {
        if (rows.size <= most[name]) break
        rows.delete(id)
      }
    }
  }

  /** Forgets one row, but not where it waits or who holds it. */
  forget(table: TableName, id: string): void {
    this.#rowsOf(table)?.delete(id)
  }

  /** Forgets these tables, or all: somebody else has changed them. */
  clear(names: readonly TableName[] = kept): void {
    for (const name of names) this.#rowsOf(name)?.clear()
    if (!names.includes('executions')) return
    this.queues.clear()
    this.held.clear()
  }
}
