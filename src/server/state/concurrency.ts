/* Decides about a further run of a job, by the job's concurrency. */

import { fail, ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { hasEnded, replacedBy, withdraw } from '../rules/transitions.ts'
import { put, unlink } from './attempts.ts'
import type { Stored } from './definitions.ts'
import { endByAbort } from './end-by-abort.ts'
import { turnOf } from './lines.ts'
import type { ExecutionOrigin } from './new-execution.ts'

/** Runs of a job that one run replaces at most; others end by themselves, and it waits for them. */
const mostReplaced = 1000

/**
 * Says before a run is made what its job's concurrency makes of it. It may be refused: `overlap` where a run
 * of the job has not ended (forbid), `queue-full` where as many wait as may (queue). Otherwise gives the runs
 * that have not begun and whose place it would take (replace).
 */
export async function prospectOf(
  tx: Reader,
  { concurrency, queue_limit = 1 }: Pick<Stored['body'], 'concurrency' | 'queue_limit'>,
  {
    namespace,
    job_name: name,
    catch_up = null,
  }: Pick<ExecutionOrigin, 'namespace' | 'job_name' | 'catch_up'>,
): Promise<Result<ExecutionRow[], 'overlap' | 'queue-full'>> {
  if (name === null) return ok([])
  const job = { namespace, name }
  if (concurrency === 'forbid') return (await tx.hasActive(job)) ? fail('overlap') : ok([])
  if (concurrency === 'queue') {
    // Runs that catch up wait beside the others, however many they are.
    if (catch_up !== null || (await tx.activeRuns(job, 1)).length === 0) return ok([])
    return (await tx.countTurns(job, queue_limit)) >= queue_limit ? fail('queue-full') : ok([])
  }
  if (concurrency !== 'replace') return ok([])
  const active = await tx.activeRuns(job, mostReplaced)
  return ok([...active.filter(waitsForKey), ...(await tx.lineHeads(turnOf(job), mostReplaced))])
}

/**
 * Ends the other runs of a job for a new one, which is not put yet: withdraws those that have not begun, and
 * the queued attempts of others, and aborts the rest.
 */
export async function replaceOthers(tx: Writer, ctx: Context, by: ExecutionRow): Promise<void> {
  const { namespace, job_name: name } = by
  if (name === null) return
  const job = { namespace, name }
  const why = replacedBy(by)
  // Those that have not begun go first: the end of another one would let them begin.
  const others = [
    ...(await tx.lineHeads(turnOf(job), mostReplaced)),
    ...(await tx.activeRuns(job, mostReplaced)),
  ]
  const [unbegun, begun] = [others.filter(isUnbegun), others.filter(row => !isUnbegun(row))]
  for (const { id } of unbegun) {
    const row = await tx.execution(id)
    if (row === undefined || hasEnded(row)) continue
    await unlink(tx, row)
    await put(tx, ctx, withdraw(row, tx.now, why))
  }
  for (const { id } of begun) {
    const row = await tx.execution(id)
    if (row !== undefined && !hasEnded(row)) await endByAbort(tx, ctx, row, why)
  }
}

/** A run that waits for others, or the queued attempt of one that has begun. */
const isUnbegun = (row: ExecutionRow): boolean =>
  row.state === 'queued' && (row.waits === 'turn' || waitsForKey(row) || row.attempt > 1)

const waitsForKey = ({ state, waits }: ExecutionRow): boolean => state === 'queued' && waits === 'key'
