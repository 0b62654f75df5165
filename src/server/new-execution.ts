import { type Context, newId } from './context.ts'
import type { Stored } from './definitions.ts'
import type { ExecutionRow, Writer } from './store/store.ts'

/** The first execution of a new run, queued; the caller puts it. */
export function newExecution(
  tx: Writer,
  ctx: Context,
  { body }: Stored,
  job_name: string | null,
  owner: string | undefined,
): ExecutionRow {
  const id = newId(ctx.chance, tx.now)
  const { max_queue_seconds } = body
  const queue_until =
    max_queue_seconds === undefined ? null : tx.watched + Math.round(max_queue_seconds * 1000)
  return {
    id,
    group: id,
    attempt: 1,
    job_name,
    kind: body.kind ?? 'command',
    image: body.image,
    runner_group: body.runner_group ?? 'default',
    capabilities: body.capabilities ?? [],
    priority: body.priority ?? 0,
    concurrency: body.concurrency ?? 'allow',
    retries_left: body.retries ?? 0,
    state: 'queued',
    deadline: queue_until,
    target_runner_id: null,
    runner_id: null,
    node_name: null,
    session: null,
    lease_id: null,
    unconfirmed: 0,
    created_at: tx.now,
    queued_at: tx.watched,
    queue_until,
    started_at: null,
    finished_at: null,
    abort_at: null,
    exit_code: null,
    reason: null,
    error_message: null,
    next_id: null,
    previous_id: null,
    result: null,
    abort_timeout_seconds: body.abort_timeout_seconds ?? null,
    ...(owner !== undefined && { owner }),
  }
}
