import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { noRunner } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { abort, abortUnheard, isProvisional, isRecalled, supersede } from '../rules/transitions.ts'
import { put, putBack } from '../state/attempts.ts'
import { all } from '../state/pages.ts'
import { putAndElect } from '../state/put-runner.ts'

/** Leaves a tombstone, which refuses every call of the runner, and ends its unfinished executions. */
export async function deleteRunner(tx: Writer, ctx: Context, id: string): Promise<Result<void, Refusal>> {
  const row = await tx.runner(id)
  if (row === undefined) return noRunner()
  if (row.deleted_at !== null) return ok(undefined)
  for (const execution of await unfinishedOf(tx, id))
    if (isRecalled(execution)) await putBack(tx, ctx, execution)
    else await end(tx, ctx, execution)
  ctx.memory.notStarted.delete(id)
  await putAndElect(tx, ctx, row, { ...row, deleted_at: tx.now, seen_until: 0, reserve_until: 0 })
  return ok(undefined)
}

async function unfinishedOf(tx: Reader, id: string): Promise<ExecutionRow[]> {
  const rows = await tx.heldBy([id])
  const lost = all(page => tx.listExecutions({ runner_id: id, states: ['lost'] }, page))
  for await (const row of lost) if (isProvisional(row)) rows.push(row)
  return rows
}

/**
 * Ends an execution of a deleted runner; one that was lost and has a next attempt leaves the rest to that.
 */
async function end(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  const next = row.next_id === null ? undefined : await tx.execution(row.next_id)
  if (next !== undefined) tx.putExecution({ ...next, previous_id: null })
  await put(tx, ctx, next === undefined ? abortedNow(row, tx.now) : supersede(row, tx.now))
}

function abortedNow(row: ExecutionRow, now: number): ExecutionRow {
  const told = abort(row, now)
  if (!told.ok) return row
  const aborted = told.value.state === 'aborting' ? abortUnheard(told.value, now) : told.value
  if (aborted.reason === 'replaced') return aborted
  return { ...aborted, reason: 'runner-deleted', error_message: 'Its runner was deleted' }
}
