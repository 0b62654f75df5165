import {
  type Change,
  type ChangesRow,
  executionChange,
  groupChange,
  jobChange,
  joined,
  logChange,
  runnerChange,
  scheduleChange,
  subjectOf,
} from '../change.ts'
import { type ExecutionRow, type GroupRow, type JobRow, type LogRow, nameOfKey } from '../rows.ts'
import type { RunnerRow } from '../runner-row.ts'
import type { ScheduleRow } from '../schedule-rows.ts'
import type { Rows, TableName } from '../tables.ts'

/** The statement that gives the key of the latest changes. */
export const newestChange = 'SELECT max(id) AS id FROM changes'

/** The most changes of one commit that are listed. */
const most = 10_000

/** Changes of one writer, or of all writers of a batch: one for each thing. */
export class ChangeList {
  readonly #changes = new Map<string, Change>()

  get size(): number {
    return this.#changes.size
  }

  add(change: Change | undefined): void {
    if (change === undefined) return
    const subject = subjectOf(change)
    this.#changes.set(subject, joined(this.#changes.get(subject), change))
  }

  addAll(others: ChangeList): void {
    for (const change of others.#changes.values()) this.add(change)
  }

  /** The row that follows the number of the latest change; `now` in milliseconds. */
  rowAfter(after: number, now: number, at: number): ChangesRow {
    const first = Math.max(after + 1, Math.floor(now * 1000))
    const changes = this.size > most ? null : [...this.#changes.values()]
    return { number: first + this.size - 1, after, at, changes }
  }
}

/** The change that readers hear of when a row was put. `execution` finds the execution of a log. */
export function changeOf(
  table: TableName,
  before: Rows[TableName] | undefined,
  row: Rows[TableName],
  watched: number,
  execution: (id: string) => ExecutionRow | undefined,
): Change | undefined {
  switch (table) {
    case 'executions':
      return executionChange(before as ExecutionRow | undefined, row as ExecutionRow)
    case 'logs': {
      const known = execution((row as LogRow).execution_id)
      return known && logChange(known, row as LogRow)
    }
    case 'runners':
      return runnerChange(before as RunnerRow | undefined, row as RunnerRow, watched)
    case 'groups':
      return groupChange(row as GroupRow)
    case 'jobs':
      return jobChange(row as JobRow)
    case 'schedules':
      return scheduleChange(row as ScheduleRow)
    default:
      return undefined
  }
}

/** The change when the row with this id is removed. Old executions go without one. */
export function removalOf(table: TableName, id: string): Change | undefined {
  if (table === 'jobs') return jobChange(nameOfKey(id))
  if (table === 'schedules') return scheduleChange({ job: id })
  return undefined
}
