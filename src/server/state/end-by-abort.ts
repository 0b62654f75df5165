import { ok, type Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { abort, type Why } from '../rules/transitions.ts'
import { put, unlink, withdrawNext } from './attempts.ts'

/**
 * Aborts an execution at once, or tells its runner to. The attempt that was queued in place of a lost
 * execution is withdrawn: an aborted execution is not tried again. Without `why` somebody has asked for it.
 */
export async function endByAbort(
  tx: Writer,
  ctx: Context,
  row: ExecutionRow,
  why?: Why,
): Promise<Result<ExecutionRow, Refusal>> {
  const after = abort(row, tx.now, why)
  if (!after.ok || after.value === row) return after
  if (row.state === 'lost') await withdrawNext(tx, ctx, row)
  else await unlink(tx, row)
  await put(tx, ctx, after.value)
  if (row.runner_id !== null) tx.notify({ about: 'runner', id: row.runner_id })
  return ok(after.value)
}
