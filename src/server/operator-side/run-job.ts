import type { Execution } from '../../protocol/messages/executions.ts'
import { ok, type Result } from '../../result.ts'
import { jobKey } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { noJob } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { enqueue } from '../state/enqueue.ts'
import { type AskedBy, once } from '../state/idempotency.ts'
import { madeView } from '../views/execution-view.ts'

/** Runs a job as it is defined now. */
export async function runJob(
  tx: Writer,
  ctx: Context,
  name: string,
  by: AskedBy,
): Promise<Result<Execution, Refusal>> {
  const { namespace, submitter } = by
  const made = await once(tx, by, `run ${jobKey({ namespace, name })}`, async () => {
    const job = await tx.job({ namespace, name })
    return job === undefined
      ? noJob({ namespace, name })
      : enqueue(tx, ctx, job, { job_name: name, namespace, owner: job.owner, submitter }, by)
  })
  return made.ok ? ok(await madeView(tx, ctx, made.value)) : made
}
