/* New executions: of a named job, of a definition that is sent, or of an earlier execution. */
import type { Execution } from '../../protocol/messages/executions.ts'
import type { Submit } from '../../protocol/messages/jobs.ts'
import { ok, type Result } from '../../result.ts'
import { defaultNamespace } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { knowsTargets } from '../rules/notify-targets.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { storeDefinition } from '../state/definitions.ts'
import { enqueue } from '../state/enqueue.ts'
import { type AskedBy, once } from '../state/idempotency.ts'
import { madeView } from '../views/execution-view.ts'

/** Runs a definition that need not have a name. */
export async function submit(
  tx: Writer,
  ctx: Context,
  body: Submit,
  by: AskedBy,
): Promise<Result<Execution, Refusal>> {
  const made = await once(
    tx,
    by,
    `submit${by.namespace === defaultNamespace ? '' : ` in ${by.namespace}`}`,
    async () => {
      const { job_name, ...definition } = body
      const { concurrency = 'allow' } = body
      if (job_name === undefined && concurrency !== 'allow')
        return refuse(
          'malformed',
          `/concurrency ${concurrency} needs a /job_name, by which executions are compared`,
        )
      const { namespace, token_id: owner, submitter } = by
      const stored = storeDefinition(definition, ctx.keys, namespace)
      if (!stored.ok) return stored
      const told = knowsTargets(definition.notify, ctx.settings, namespace)
      if (!told.ok) return told
      return enqueue(tx, ctx, stored.value, { job_name: job_name ?? null, namespace, owner, submitter }, by)
    },
  )
  return made.ok ? ok(await madeView(tx, ctx, made.value)) : made
}
