import type { Execution } from '../../protocol/messages/executions.ts'
import { ok, type Result } from '../../result.ts'
import type { Writer } from '../../store/writer.ts'
import { noExecution } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import { hasEnded } from '../rules/transitions.ts'
import { enqueue } from '../state/enqueue.ts'
import { type AskedBy, once } from '../state/idempotency.ts'
import { rerunScript } from '../state/script-handover.ts'
import { seenExecution } from '../state/seen-execution.ts'
import { madeView } from '../views/execution-view.ts'

/** Runs the definition of an ended execution again, as it was then; a script runs on the same runner. */
export async function rerun(
  tx: Writer,
  ctx: Context,
  rights: Rights,
  id: string,
  by: AskedBy,
): Promise<Result<Execution, Refusal>> {
  const made = await once(tx, by, `rerun ${id}`, async () => {
    const seen = await seenExecution(tx, rights, id)
    if (!seen.ok) return seen
    const before = seen.value
    const definition = await tx.definition(before.group)
    if (definition === undefined) return noExecution()
    if (!hasEnded(before)) return refuse('not-finished', `it is ${before.state}; abort it, or wait`)
    if (before.kind === 'script') return rerunScript(tx, ctx, before, definition, by)
    const { job_name, namespace, owner } = before
    return enqueue(tx, ctx, definition, { job_name, namespace, owner, submitter: by.submitter }, by)
  })
  return made.ok ? ok(await madeView(tx, ctx, made.value)) : made
}
