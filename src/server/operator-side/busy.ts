import type { Execution } from '../../protocol/messages/executions.ts'
import type { ExecutionFilter } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { Store } from '../../store/store.ts'
import type { Context } from '../rules/context.ts'
import { filterOf, type Rights } from '../rules/rights.ts'
import { all } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import {
  executionViewsInParts,
  fullDetail,
  largeAtOnce,
  type ShownExecution,
  shownOfLog,
} from '../views/execution-view.ts'

/** Bytes of logs that are shown of all executions together. */
const shownOfBusy = 8 * 1024 * 1024

/** The rows of the executions that run now and may be seen. */
export async function busyRows(tx: Reader, rights: Rights): Promise<ShownExecution[]> {
  const rows: ShownExecution[] = []
  const filter: ExecutionFilter = { states: ['running', 'aborting'], ...filterOf(rights) }
  const running = all(page => tx.listExecutions(filter, page, unreadable))
  for await (const row of running) rows.push(row)
  return rows
}

/** The executions that run now, with their output so far: of many executions each shows less. */
export function busy(
  store: Pick<Store, 'read'>,
  ctx: Context,
  rows: readonly ShownExecution[],
): AsyncGenerator<Execution> {
  const output = Math.min(shownOfLog, Math.floor(shownOfBusy / Math.max(1, rows.length)))
  return executionViewsInParts(store, ctx, rows, { ...fullDetail(), output }, largeAtOnce)
}
