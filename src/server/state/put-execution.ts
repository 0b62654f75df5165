import { queueOf } from '../../store/queue.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { hasEnded } from '../rules/transitions.ts'

/** Puts an execution, and notifies the calls that wait for it and the runners that may have it now. */
export function putAndNotify(tx: Writer, row: ExecutionRow): void {
  tx.putExecution(row)
  tx.notify({ about: 'execution', id: row.id })
  if (hasEnded(row)) tx.notify({ about: 'end', id: row.id, namespace: row.namespace, state: row.state })
  if (row.state === 'queued' && row.waits === null) tx.notify({ about: 'queue', queue: queueOf(row) })
  else if (row.runner_id !== null && (hasEnded(row) || row.state === 'lost'))
    tx.notify({ about: 'slot', runner_id: row.runner_id })
}
