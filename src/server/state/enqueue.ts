import { ok, type Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { counted } from '../../system/counted.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { admit } from './admission.ts'
import { prospectOf, replaceOthers } from './concurrency.ts'
import type { Stored } from './definitions.ts'
import type { AskedBy } from './idempotency.ts'
import { join } from './lines.ts'
import { type ExecutionOrigin, newExecution } from './new-execution.ts'

/**
 * Queues a new execution that a token has asked for, where the rules of its namespace and its concurrency
 * allow it. It may wait for other runs; those that it replaces are ended.
 */
export async function enqueue(
  tx: Writer,
  ctx: Context,
  definition: Stored,
  origin: ExecutionOrigin,
  by: Pick<AskedBy, 'token_id'>,
): Promise<Result<ExecutionRow, Refusal>> {
  const { body, sealed } = withoutSchedule(definition)
  const row = newExecution(tx, ctx, { body, sealed }, origin)
  const prospect = await prospectOf(tx, body, origin)
  if (!prospect.ok)
    return prospect.failure === 'overlap'
      ? refuse(
          'already-running',
          `an execution of job ${row.job_name} has not ended, and its concurrency is forbid`,
        )
      : refuse('queue-full', queueFullText(row, body.queue_limit ?? 1))
  const admitted = await admit(tx, ctx, row, by.token_id)
  if (!admitted.ok) return admitted
  if (row.concurrency === 'replace') await replaceOthers(tx, ctx, row)
  tx.putDefinition({ group: row.group, body, sealed })
  return ok(await join(tx, row))
}

const queueFullText = ({ job_name }: ExecutionRow, limit: number): string =>
  `an execution of job ${job_name} has not ended, and ${counted(limit, 'run')} of it ` +
  `${limit === 1 ? 'waits' : 'wait'} already, as many as queue_limit allows`

/** A definition as its runs have it: when the job runs by itself says nothing about one of them. */
export function withoutSchedule({ body, sealed }: Stored): Stored {
  if (body.schedule === undefined && body.blackouts === undefined) return { body, sealed }
  const { schedule: _, blackouts: __, ...rest } = body
  return { body: rest, sealed }
}
