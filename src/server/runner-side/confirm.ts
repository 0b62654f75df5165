import { ok, type Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import type { Refusal } from '../rules/refusal.ts'
import { confirmed, isRecalled } from '../rules/transitions.ts'
import { put, supersedePrevious, withdrawNext } from '../state/attempts.ts'
import { runnerOf } from '../state/caller.ts'
import { electGroup } from '../state/election.ts'
import { ownExecution } from '../state/own-execution.ts'

/**
 * A runner confirms an execution that was reserved for it, and holds it from now on, with a lease. The same
 * confirm again is fine.
 */
export async function confirm(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  executionId: string,
  leaseId: string,
): Promise<Result<void, Refusal>> {
  const row =
    (await recalledFor(tx, ctx, caller, executionId, leaseId)) ??
    (await ownExecution(tx, caller, executionId))
  if (!row.ok) return row
  const after = confirmed(row.value, leaseId, tx, ctx.settings)
  if (!after.ok) return after
  if (row.value.state === 'lost') await withdrawNext(tx, ctx, row.value)
  // A reservation has done so when it was handed out.
  if (isRecalled(row.value)) await supersedePrevious(tx, ctx, row.value)
  await put(tx, ctx, after.value)
  await forgetMisses(tx, ctx, caller)
  return ok(undefined)
}

/**
 * The execution that a runner was asked to confirm, as that of the runner: several may have listed it, and
 * the lease shows which of them it was handed to. Undefined where nobody was asked, or the lease is not
 * right.
 */
async function recalledFor(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  id: string,
  lease_id: string,
): Promise<Result<ExecutionRow, never> | undefined> {
  const row = await tx.execution(id)
  if (row === undefined || !isRecalled(row) || lease_id !== ctx.keys.leaseOf(row, caller.runner_id))
    return undefined
  const { name: node_name } = await runnerOf(tx, caller)
  return ok({ ...row, ...caller, node_name, lease_id })
}

/** A confirm makes a runner healthy again. */
async function forgetMisses(tx: Writer, ctx: Context, { runner_id }: Caller): Promise<void> {
  const runner = await tx.runner(runner_id)
  if (runner === undefined || (runner.misses === 0 && runner.unhealthy_until === null)) return
  tx.putRunner({ ...runner, misses: 0, unhealthy_until: null })
  tx.notify({ about: 'slot', runner_id })
  await electGroup(tx, ctx, groupOf(runner))
}
