import type { Execution } from '../../protocol/messages/executions.ts'
import type { Script } from '../../protocol/messages/scripts.ts'
import { defined, ok, type Result } from '../../result.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { storeDefinition } from '../state/definitions.ts'
import type { AskedBy } from '../state/idempotency.ts'
import { handOver } from '../state/script-handover.ts'
import { newView } from '../views/execution-view.ts'

/**
 * Reserves a script for the named runner, or for the one that has the most free slots, and notifies that
 * runner.
 */
export async function submitScript(
  tx: Writer,
  ctx: Context,
  { image, command, input, runner_id }: Script,
  by: Pick<AskedBy, 'namespace' | 'token_id'>,
): Promise<Result<Execution, Refusal>> {
  const stored = storeDefinition({ image, command, ...defined({ input }) }, ctx.keys, by.namespace)
  if (!stored.ok) return stored
  const row = await handOver(
    tx,
    ctx,
    stored.value,
    runner_id,
    { namespace: by.namespace, owner: by.token_id },
    by,
  )
  return row.ok ? ok(newView(row.value, tx)) : row
}
