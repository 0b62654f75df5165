import { ok, type Result } from '../result.ts'
import { put, unlink, withdrawNext } from './attempts.ts'
import type { Context } from './context.ts'
import { abort } from './executions.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { ExecutionRow, Writer } from './store/store.ts'

/**
 * Aborts an execution at once, or tells its runner to. Of one that is lost the attempt queued in its place is
 * withdrawn: what was aborted is not tried again.
 */
export async function abortExecution(
  tx: Writer,
  _ctx: Context,
  id: string,
): Promise<Result<ExecutionRow, Refusal>> {
  const row = await tx.execution(id)
  if (row === undefined) return refuse('not-found')
  const after = abort(row, tx.now)
  if (!after.ok || after.value === row) return after
  if (row.state === 'lost') await withdrawNext(tx, row)
  else await unlink(tx, row)
  put(tx, after.value)
  if (row.runner_id !== null) tx.notify({ about: 'runner', id: row.runner_id })
  return ok(after.value)
}
