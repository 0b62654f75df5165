import { type ExecutionRow, emptyExecution } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { type Context, newId } from '../rules/context.ts'
import type { Stored } from './definitions.ts'

/** For whom an execution is made. */
export interface ExecutionOrigin {
  job_name: string | null
  namespace: string
  /** The token that answers for it: of a named job, the one that defined the job. */
  owner: string | null
  /** The token of the submitter that asks for it. */
  submitter: string | null
  /** The time of its schedule for which it is made; null or missing: somebody asked for it. */
  scheduled_for?: number | null
  /** Why it is made after that time; null or missing: it is not. */
  catch_up?: ExecutionRow['catch_up']
}

/** The first execution of a new run, queued; the caller puts it. */
export function newExecution(
  tx: Writer,
  ctx: Context,
  { body }: Stored,
  origin: ExecutionOrigin,
): ExecutionRow {
  const id = newId(ctx.chance, tx.now)
  const { max_queue_seconds } = body
  const queue_until =
    max_queue_seconds === undefined ? null : tx.watched + Math.round(max_queue_seconds * 1000)
  return {
    ...emptyExecution,
    id,
    group: id,
    ...origin,
    kind: body.kind ?? 'command',
    image: body.image,
    runner_group: body.runner_group ?? 'default',
    capabilities: body.capabilities ?? [],
    priority: body.priority ?? 0,
    concurrency: body.concurrency ?? 'allow',
    concurrency_key: body.concurrency_key ?? null,
    concurrency_limit: body.concurrency_limit ?? null,
    expected_seconds: body.expected_seconds ?? null,
    notify: body.notify ?? null,
    retries_left: body.retries ?? 0,
    state: 'queued',
    deadline: queue_until,
    created_at: tx.now,
    queued_at: tx.watched,
    queue_until,
    abort_timeout_seconds: body.abort_timeout_seconds ?? null,
  }
}
