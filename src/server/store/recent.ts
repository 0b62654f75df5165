import { endStates } from '../../protocol/states.ts'
import type { Rows } from './tables.ts'

type Kept = 'executions' | 'runners' | 'groups'

/** How many rows of a table are remembered. */
const most = 500

/**
 * Rows as the latest transaction has left them, so that the next need not read them: nobody else writes, as long as
 * this server holds the store. Executions that have ended are not among them.
 */
export class RecentRows {
  readonly #tables: { [T in Kept]: Map<string, Rows[T]> } = {
    executions: new Map(),
    runners: new Map(),
    groups: new Map(),
  }
  /** The order of the executions. */
  readonly #order = new Map<string, number>()

  /** Undefined: rows of this table are not remembered. */
  #rowsOf<T extends keyof Rows>(table: T): Map<string, Rows[T]> | undefined {
    return (this.#tables as { [T in keyof Rows]?: Map<string, Rows[T]> })[table]
  }

  get<T extends keyof Rows>(table: T, id: string): Rows[T] | undefined {
    return this.#rowsOf(table)?.get(id)
  }

  orderOf(id: string): number | undefined {
    return this.#order.get(id)
  }

  set<T extends keyof Rows>(table: T, id: string, row: Rows[T], order?: number): void {
    const rows = this.#rowsOf(table)
    if (rows === undefined) return
    if (table === 'executions' && endStates.includes((row as Rows['executions']).state)) {
      rows.delete(id)
      this.#order.delete(id)
      return
    }
    // Behind all others: the first are forgotten first.
    rows.delete(id)
    rows.set(id, row)
    if (order !== undefined) this.#order.set(id, order)
  }

  /** Keeps the latest that were put. */
  trim(): void {
    for (const rows of Object.values(this.#tables))
      for (const id of rows.keys()) {
        if (rows.size <= most) break
        rows.delete(id)
        this.#order.delete(id)
      }
  }

  clear(): void {
    for (const rows of Object.values(this.#tables)) rows.clear()
    this.#order.clear()
  }
}
