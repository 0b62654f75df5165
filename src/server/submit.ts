/* New executions: of a named job, of a definition that is sent, or of what ran before. */
import { hash } from 'node:crypto'
import type { Execution, Submit } from '../protocol/messages.ts'
import { ok, type Result } from '../result.ts'
import type { Context } from './context.ts'
import { type Stored, storeDefinition } from './definitions.ts'
import { hasEnded } from './executions.ts'
import { noJob } from './jobs.ts'
import { newExecution } from './new-execution.ts'
import { type Refusal, refuse } from './refusal.ts'
import { rerunScript } from './scripts.ts'
import { type ExecutionRow, queueOf, type Writer } from './store/store.ts'
import { executionView, newView } from './views.ts'

/** Who asks for an execution, and how the same question is known when it comes again. */
export interface AskedBy {
  token_id: string
  idempotency_key?: string
  body_sha256: string
}

/** For how many milliseconds of watched time the same idempotency key gives the same execution. */
export const keyLasts = 24 * 3600 * 1000

/** Runs a job as it is defined now. */
export async function runJob(
  tx: Writer,
  ctx: Context,
  name: string,
  by: AskedBy,
): Promise<Result<Execution, Refusal>> {
  return once(tx, ctx, by, `run ${name}`, async () => {
    const job = await tx.job(name)
    return job === undefined ? noJob(name) : enqueue(tx, ctx, job, name, job.owner)
  })
}

/** Runs a definition that need not have a name. */
export async function submit(
  tx: Writer,
  ctx: Context,
  body: Submit,
  by: AskedBy,
): Promise<Result<Execution, Refusal>> {
  return once(tx, ctx, by, 'submit', async () => {
    const { job_name, ...definition } = body
    if (job_name === undefined && body.concurrency === 'forbid')
      return refuse('malformed', '/concurrency forbid needs a /job_name, by which executions are compared')
    const stored = storeDefinition(definition, ctx.keys)
    return stored.ok ? enqueue(tx, ctx, stored.value, job_name ?? null, by.token_id) : stored
  })
}

/** Runs what an ended execution ran, as it was defined then; a script on the same runner again. */
export async function rerun(
  tx: Writer,
  ctx: Context,
  id: string,
  by: AskedBy,
): Promise<Result<Execution, Refusal>> {
  return once(tx, ctx, by, `rerun ${id}`, async () => {
    const before = await tx.execution(id)
    const definition = before && (await tx.definition(before.group))
    if (before === undefined || definition === undefined)
      return refuse('not-found', 'there is no execution with this id')
    if (!hasEnded(before)) return refuse('not-finished', `it is ${before.state}; abort it, or wait`)
    if (before.kind === 'script') return rerunScript(tx, ctx, before, definition)
    return enqueue(tx, ctx, definition, before.job_name, before.owner)
  })
}

async function enqueue(
  tx: Writer,
  ctx: Context,
  { body, sealed }: Stored,
  jobName: string | null,
  owner: string | undefined,
): Promise<Result<ExecutionRow, Refusal>> {
  const row = newExecution(tx, ctx, { body, sealed }, jobName, owner)
  if (row.concurrency === 'forbid' && jobName !== null && (await tx.hasActive(jobName)))
    return refuse(
      'already-running',
      `an execution of job ${jobName} has not ended, and its concurrency is forbid`,
    )
  tx.putDefinition({ group: row.group, body, sealed })
  tx.putExecution(row)
  tx.notify({ about: 'queue', queue: queueOf(row) })
  return ok(row)
}

/** Makes an execution, or finds the one that the same key made of the same question within the last 24 hours. */
async function once(
  tx: Writer,
  ctx: Context,
  by: AskedBy,
  question: string,
  make: () => Promise<Result<ExecutionRow, Refusal>>,
): Promise<Result<Execution, Refusal>> {
  const key = by.idempotency_key
  const body_sha256 = hash('sha256', `${question}\n${by.body_sha256}`)
  const before = key === undefined ? undefined : await tx.idempotency(by.token_id, key)
  if (before !== undefined && before.created_at > tx.watched - keyLasts) {
    if (before.body_sha256 !== body_sha256)
      return refuse('key-reused', 'take a new Idempotency-Key for another request')
    const row = await tx.execution(before.execution_id)
    if (row === undefined)
      return refuse('not-found', 'the execution that this Idempotency-Key made was removed')
    return ok(await executionView(tx, ctx, row))
  }
  const made = await make()
  if (!made.ok) return made
  const { id } = made.value
  if (key !== undefined)
    tx.putIdempotency({
      ...{ token_id: by.token_id, key, body_sha256, execution_id: id },
      created_at: tx.watched,
    })
  return ok(newView(made.value))
}
