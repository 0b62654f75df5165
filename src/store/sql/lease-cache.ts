import { heldStates } from '../../protocol/states.ts'
import type { ExecutionRow } from '../rows.ts'

/** The most runners whose executions are remembered. */
const most = 500

/** The runner that holds an execution, if one does. */
export function leaseHolder(row: ExecutionRow | undefined): string | undefined {
  return row?.runner_id && heldStates.includes(row.state) ? row.runner_id : undefined
}

/**
 * The executions that runners hold: as the database had them when they were read, with the changes that were
 * put since.
 */
export class LeaseCache {
  /** All executions of each runner, by id. */
  readonly #runners = new Map<string, Map<string, ExecutionRow>>()

  /** The executions that a runner holds; undefined where they are not known. */
  of(runnerId: string): ReadonlyMap<string, ExecutionRow> | undefined {
    return this.#runners.get(runnerId)
  }

  /** `rows` are all that these runners hold. */
  learn(runnerIds: readonly string[], rows: readonly ExecutionRow[]): void {
    for (const id of runnerIds) {
      this.#runners.delete(id)
      this.#runners.set(id, new Map())
    }
    for (const row of rows) this.#runners.get(row.runner_id!)?.set(row.id, row)
  }

  /**
   * Takes in an execution that was put. `before` is the row that it replaces, undefined for a new execution.
   */
  put(row: ExecutionRow, before: ExecutionRow | undefined): void {
    const [from, to] = [leaseHolder(before), leaseHolder(row)]
    if (from !== undefined && from !== to) this.#runners.get(from)?.delete(row.id)
    if (to !== undefined) this.#runners.get(to)?.set(row.id, row)
  }

  trim(): void {
    for (const id of this.#runners.keys()) {
      if (this.#runners.size <= most) return
      this.#runners.delete(id)
    }
  }

  clear(): void {
    this.#runners.clear()
  }
}
