import { heldStates } from '../../protocol/states.ts'
import type { ExecutionRow } from './store.ts'

/** Of how many runners it is remembered what they hold. */
const most = 500

/** The runner that holds an execution, if one does. */
export function holderOf(row: ExecutionRow | undefined): string | undefined {
  return row?.runner_id && heldStates.includes(row.state) ? row.runner_id : undefined
}

/** What runners hold, as it was read, and as what was put since has changed it. */
export class HeldRows {
  /** All that each holds, by id. */
  readonly #runners = new Map<string, Map<string, ExecutionRow>>()

  /** Undefined where it is not known. */
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

  /** What was put last; `before`: as it was, undefined where it is new. */
  put(row: ExecutionRow, before: ExecutionRow | undefined): void {
    const [from, to] = [holderOf(before), holderOf(row)]
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
