/*
 * Runs that wait for other runs. First a run of a job with concurrency `queue` or `replace` waits for its
 * turn, until no run of the job is active; then a run with a `concurrency_key` waits until fewer runs with
 * this key are active than its `concurrency_limit` says.
 *
 *            enqueue ──► turn ──► key ──► in the queue of its runner group
 *
 * A run of a job without these begins further right. A run that waits for the key is an active one of its
 * job. All is decided from rows when an execution ends, so nothing has to be remembered.
 */

import type { JobName } from '../../store/filters.ts'
import { type Line, lineOf, queueOf } from '../../store/queue.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { release } from '../rules/transitions.ts'
import { putAndNotify } from './put-execution.ts'

/** The line of a job. */
export const turnOf = ({ namespace, name }: JobName): Line => ({ waits: 'turn', namespace, of: name })

/** Runs that one statement reads. */
const piece = 100

/** Puts a new run, which may be handed out now or waits for others; gives it as it is then. */
export async function join(tx: Writer, row: ExecutionRow): Promise<ExecutionRow> {
  const takesTurns = row.job_name !== null && (row.concurrency === 'queue' || row.concurrency === 'replace')
  const first: ExecutionRow = { ...row, waits: takesTurns ? 'turn' : afterTurn(row) }
  tx.putExecution(first)
  const line = lineOf(first)
  if (line === undefined) {
    tx.notify({ about: 'queue', queue: queueOf(first) })
    return first
  }
  await advance(tx, line)
  return (await tx.execution(row.id)) ?? first
}

/**
 * Lets those run that waited for an execution, which has ended, has left its line, or has come back into it.
 */
export async function advanceBehind(
  tx: Writer,
  { namespace, job_name, concurrency_key }: ExecutionRow,
): Promise<void> {
  if (job_name !== null) await advance(tx, turnOf({ namespace, name: job_name }))
  if (concurrency_key !== null) await advance(tx, { waits: 'key', namespace, of: concurrency_key })
}

/** Lets the first of a line run, as far as the others allow it. */
export async function advance(tx: Writer, line: Line): Promise<void> {
  if (!(await tx.mayWaitIn(line))) return
  const { namespace, of } = line
  if (line.waits === 'key') return advanceKey(tx, line)
  if ((await tx.activeRuns({ namespace, name: of }, 1)).length > 0) return
  const [head] = await tx.lineHeads(line, 1)
  if (head !== undefined) await endTurn(tx, head)
}

async function advanceKey(tx: Writer, line: Line): Promise<void> {
  for (;;) {
    const [head] = await tx.lineHeads(line, 1)
    if (head === undefined) return
    const limit = head.concurrency_limit ?? 1
    if ((await tx.countRuns(line.namespace, line.of, limit)) >= limit) return
    putAndNotify(tx, release(head))
  }
}

/** Lets all runs of a job run that wait for their turn: it may run beside itself now. */
export async function endTurns(tx: Writer, job: JobName): Promise<void> {
  const line = turnOf(job)
  while (await tx.mayWaitIn(line)) {
    const heads = await tx.lineHeads(line, piece)
    for (const head of heads) await endTurn(tx, { ...head, concurrency: 'allow' })
    if (heads.length < piece) return
  }
}

/** The turn of a run has come. */
async function endTurn(tx: Writer, row: ExecutionRow): Promise<void> {
  const next: ExecutionRow = { ...row, waits: afterTurn(row) }
  putAndNotify(tx, next)
  const line = lineOf(next)
  if (line !== undefined) await advance(tx, line)
}

/** The thing for which a run waits after its turn. */
const afterTurn = ({ concurrency_key }: ExecutionRow) => (concurrency_key === null ? null : 'key')
