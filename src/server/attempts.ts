/* Changes of executions that touch more rows than one, and tell those who wait. */
import { type Context, newId } from './context.ts'
import { electGroup } from './election.ts'
import {
  giveBack,
  hasEnded,
  isProvisional,
  lose,
  nextAttempt,
  requeue,
  supersede,
  wantsRetry,
  withdraw,
} from './executions.ts'
import { groupOf } from './runner-facts.ts'
import { type ExecutionRow, queueOf, type Writer } from './store/store.ts'

/** Reservations in a row without a confirm that make a runner unhealthy. */
const mostMisses = 3
/** How long it is passed over, in times that it had for confirming: by default from one minute to a quarter of an hour. */
const shortestPause = 2
const longestPause = 30

/** Puts an execution and tells those who wait for it, and who may have it now. */
export function put(tx: Writer, row: ExecutionRow): void {
  tx.putExecution(row)
  tx.notify({ about: 'execution', id: row.id })
  if (row.state === 'queued') tx.notify({ about: 'queue', queue: queueOf(row) })
  else if (row.runner_id !== null && (hasEnded(row) || row.state === 'lost'))
    tx.notify({ about: 'slot', runner_id: row.runner_id })
}

/** Puts an execution that failed or was lost, and queues the next attempt where there is to be one. */
export async function putWithRetry(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  if (!wantsRetry(row)) return put(tx, row)
  const attempts = await tx.listExecutions({ group: row.group }, { limit: 1000 })
  const attempt = Math.max(row.attempt, ...attempts.map(other => other.attempt)) + 1
  const next = nextAttempt(row, newId(ctx.chance, tx.now), attempt, tx)
  put(tx, isProvisional(row) ? { ...row, next_id: next.id } : row)
  put(tx, next)
}

/** running → lost, provisionally; the next attempt is queued where one is left. */
export async function loseLease(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  await putWithRetry(tx, ctx, lose(row, tx, ctx.settings))
}

/** Withdraws the attempt that was queued in place of one that came back. */
export async function withdrawNext(tx: Writer, row: ExecutionRow): Promise<void> {
  const next = row.next_id === null ? undefined : await tx.execution(row.next_id)
  if (next?.state === 'queued') put(tx, withdraw(next, tx.now))
}

/** Makes the loss final in whose place this attempt was queued, since this one is handed out now. */
export async function supersedePrevious(tx: Writer, row: ExecutionRow): Promise<void> {
  const previous = row.previous_id === null ? undefined : await tx.execution(row.previous_id)
  if (previous !== undefined && isProvisional(previous)) put(tx, supersede(previous, tx.now))
}

/** Forgets that an attempt stands in for another one: one of them has ended by itself. */
export async function unlink(tx: Writer, row: ExecutionRow): Promise<void> {
  const previous = row.previous_id === null ? undefined : await tx.execution(row.previous_id)
  if (previous !== undefined) tx.putExecution({ ...previous, next_id: null })
  const next = row.next_id === null ? undefined : await tx.execution(row.next_id)
  if (next !== undefined) tx.putExecution({ ...next, previous_id: null })
}

/** reserved → queued, since it was not confirmed in time; its runner is passed over when that happens too often. */
export async function missed(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  put(tx, requeue(row, tx))
  const runner = row.runner_id === null ? undefined : await tx.runner(row.runner_id)
  // A process that is no more says nothing about the one that is there now.
  if (runner === undefined || runner.session !== row.session) return
  tx.notify({ about: 'slot', runner_id: runner.id })
  const misses = runner.misses + 1
  if (misses < mostMisses) return tx.putRunner({ ...runner, misses })
  const times = Math.min(longestPause, shortestPause * 2 ** (misses - mostMisses))
  const unhealthy_until = tx.watched + times * ctx.settings.confirm_within_seconds * 1000
  tx.putRunner({ ...runner, misses, unhealthy_until })
  await electGroup(tx, ctx, groupOf(runner))
}

/** reserved → queued without blame, since its runner will not confirm it. */
export function putBack(tx: Writer, row: ExecutionRow): void {
  put(tx, giveBack(row, tx))
  if (row.runner_id !== null) tx.notify({ about: 'slot', runner_id: row.runner_id })
}
