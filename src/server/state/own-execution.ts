import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { confirmed } from '../rules/transitions.ts'
import { put, supersedePrevious } from './attempts.ts'
import { runnerOf } from './caller.ts'
import { advanceBehind } from './lines.ts'

/**
 * The execution that a runner's call names; a runner may change only those that it holds, or was the last to
 * hold.
 */
export async function ownExecution(
  tx: Reader,
  caller: Caller,
  id: string,
): Promise<Result<ExecutionRow, Refusal>> {
  const row = await tx.execution(id)
  if (row === undefined) return refuse('not-found')
  if (row.runner_id === caller.runner_id) return ok(row)
  return row.runner_id === null
    ? refuse('reservation-expired', 'It was not confirmed in time and went back to the queue')
    : refuse('not-yours')
}

/**
 * The execution of which a runner sends log or result. A runner has these only of an execution that it
 * confirmed. If a store that was restored from an older backup does not know of the confirm, the lease proves
 * it, and the runner holds the execution again: so its log and result are not lost, and nobody runs it a
 * second time.
 */
export async function startedExecution(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  id: string,
  lease_id: string,
): Promise<Result<ExecutionRow, Refusal>> {
  const row = await tx.execution(id)
  if (row === undefined || !isUnconfirmed(row) || lease_id !== ctx.keys.leaseOf(row, caller.runner_id))
    return ownExecution(tx, caller, id)
  const { name: node_name } = await runnerOf(tx, caller)
  const reserved: ExecutionRow = { ...row, ...caller, node_name, lease_id, state: 'reserved' }
  const now = confirmed(reserved, lease_id, tx, ctx.settings)
  if (!now.ok) return now
  await supersedePrevious(tx, ctx, row)
  await put(tx, ctx, now.value)
  await advanceBehind(tx, row)
  return now
}

const isUnconfirmed = ({ state }: ExecutionRow): boolean => state === 'queued' || state === 'reserved'
