import { ok, type Result } from '../result.ts'
import { put, withdrawNext } from './attempts.ts'
import type { Caller, Context } from './context.ts'
import { electGroup } from './election.ts'
import { confirmed } from './executions.ts'
import { ownExecution } from './ownership.ts'
import type { Refusal } from './refusal.ts'
import { groupOf } from './runner-facts.ts'
import type { Writer } from './store/store.ts'

/** A runner takes what was reserved for it: from now on it is its own, with a lease. The same again is fine. */
export async function confirm(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  executionId: string,
  leaseId: string,
): Promise<Result<void, Refusal>> {
  const row = await ownExecution(tx, caller, executionId)
  if (!row.ok) return row
  const after = confirmed(row.value, leaseId, tx, ctx.settings)
  if (!after.ok) return after
  if (row.value.state === 'lost') await withdrawNext(tx, row.value)
  put(tx, after.value)
  await forgetMisses(tx, ctx, caller)
  return ok(undefined)
}

/** A runner that confirms is well. */
async function forgetMisses(tx: Writer, ctx: Context, { runner_id }: Caller): Promise<void> {
  const runner = await tx.runner(runner_id)
  if (runner === undefined || (runner.misses === 0 && runner.unhealthy_until === null)) return
  tx.putRunner({ ...runner, misses: 0, unhealthy_until: null })
  tx.notify({ about: 'slot', runner_id })
  await electGroup(tx, ctx, groupOf(runner))
}
