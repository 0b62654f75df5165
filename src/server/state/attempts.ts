/* Changes of executions that touch more than one row, and notify waiting calls. */

import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { type Context, newId } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { isRetriedAfter, retryDelay } from '../rules/retry-policy.ts'
import { lateAtOf } from '../rules/run-outcome.ts'
import {
  giveBack,
  isProvisional,
  isRecalled,
  lose,
  mayRetry,
  nextAttempt,
  requeue,
  supersede,
  withdraw,
} from '../rules/transitions.ts'
import { electGroup } from './election.ts'
import { putAndNotify } from './put-execution.ts'
import { settle } from './settle.ts'
import { ifReadable } from './unreadable.ts'

/** Reservations in a row without a confirm that make a runner unhealthy. */
const mostMisses = 3
/**
 * The time for which it is passed over, in multiples of the time to confirm: by default from one minute to a
 * quarter of an hour.
 */
const shortestPause = 2
const longestPause = 30

/** Puts an execution, notifies those who wait for it, and does what follows from its change. */
export async function put(tx: Writer, ctx: Context, given: ExecutionRow): Promise<void> {
  // A new row has no state before, and one that waits tells nobody: nothing is asked of the store for them.
  const before =
    given.state === 'queued' || given.state === 'reserved' ? undefined : await tx.execution(given.id)
  const row = { ...given, late_at: lateAtOf(given, before, tx.watched) }
  putAndNotify(tx, row)
  await settle(tx, ctx, row, before)
}

/**
 * Puts an execution that failed or was lost, and queues the next attempt where there is to be one: after a
 * loss at once, after a failure as the retry policy of the run says.
 */
export async function putWithRetry(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  if (!mayRetry(row)) return put(tx, ctx, row)
  // A damaged definition must not keep the result of its execution from being taken.
  const policy = (await ifReadable(tx.definition(row.group)))?.body.retry
  if (row.state === 'failed' && !isRetriedAfter(policy, row.exit_code)) return put(tx, ctx, row)
  const attempts = await tx.listExecutions({ group: row.group }, { limit: 1000 })
  const attempt = Math.max(row.attempt, ...attempts.map(other => other.attempt)) + 1
  const failures = attempts.filter(({ id, state }) => id !== row.id && state === 'failed').length + 1
  const delay = row.state === 'failed' ? retryDelay(policy, failures, ctx.chance) : 0
  const next = nextAttempt(row, { id: newId(ctx.chance, tx.now), attempt, delay }, tx)
  // The next attempt first: whatever follows from the end of this one sees that the run goes on.
  await put(tx, ctx, next)
  await put(tx, ctx, isProvisional(row) ? { ...row, next_id: next.id } : row)
}

/** running → lost, provisionally; the next attempt is queued where one is left. */
export async function loseLease(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  await putWithRetry(tx, ctx, lose(row, tx, ctx.settings))
}

/** Withdraws the attempt that was queued in place of one that came back. */
export async function withdrawNext(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  const next = row.next_id === null ? undefined : await ifReadable(tx.execution(row.next_id))
  if (next !== undefined && (next.state === 'queued' || isRecalled(next)))
    await put(tx, ctx, withdraw(next, tx.now))
}

/** Makes the loss final in whose place this attempt was queued, since this one is handed out now. */
export async function supersedePrevious(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  const previous = row.previous_id === null ? undefined : await ifReadable(tx.execution(row.previous_id))
  if (previous !== undefined && isProvisional(previous)) await put(tx, ctx, supersede(previous, tx.now))
}

/** Forgets that an attempt was queued in place of another one: one of them has ended by itself. */
export async function unlink(tx: Writer, row: ExecutionRow): Promise<void> {
  const previous = row.previous_id === null ? undefined : await ifReadable(tx.execution(row.previous_id))
  if (previous !== undefined) tx.putExecution({ ...previous, next_id: null })
  const next = row.next_id === null ? undefined : await ifReadable(tx.execution(row.next_id))
  if (next !== undefined) tx.putExecution({ ...next, previous_id: null })
}

/**
 * reserved → queued, since it was not confirmed in time; its runner is passed over when that happens too
 * often.
 */
export async function missed(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  await put(tx, ctx, requeue(row, tx))
  const runner = row.runner_id === null ? undefined : await ifReadable(tx.runner(row.runner_id))
  // A missed confirm of an earlier session says nothing about the process of the present one.
  if (runner === undefined || runner.session !== row.session) return
  tx.notify({ about: 'slot', runner_id: runner.id })
  const misses = runner.misses + 1
  if (misses < mostMisses) return tx.putRunner({ ...runner, misses })
  const times = Math.min(longestPause, shortestPause * 2 ** (misses - mostMisses))
  const unhealthy_until = tx.watched + times * ctx.settings.confirm_within_seconds * 1000
  tx.putRunner({ ...runner, misses, unhealthy_until })
  await electGroup(tx, ctx, groupOf(runner))
}

/** reserved → queued, since its runner will not confirm it; that does not count against the runner. */
export async function putBack(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  await put(tx, ctx, giveBack(row, tx))
  if (row.runner_id !== null) tx.notify({ about: 'slot', runner_id: row.runner_id })
}
