import type { Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import { endByAbort } from '../state/end-by-abort.ts'
import { seenExecution } from '../state/seen-execution.ts'

/** Aborts an execution at once, or tells its runner to. */
export async function abortExecution(
  tx: Writer,
  ctx: Context,
  rights: Rights,
  id: string,
): Promise<Result<ExecutionRow, Refusal>> {
  const seen = await seenExecution(tx, rights, id)
  return seen.ok ? endByAbort(tx, ctx, seen.value) : seen
}
