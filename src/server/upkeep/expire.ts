import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { abortUnheard, isRecalled, supersede, waitedTooLong } from '../rules/transitions.ts'
import { loseLease, missed, put, putBack, unlink } from '../state/attempts.ts'
import { queueReasons } from '../state/queue-reason.ts'

/**
 * Moves on an execution whose deadline has passed. Only the sweep calls this, so that an outage expires
 * nothing.
 */
export async function expire(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  switch (row.state) {
    case 'queued':
      await unlink(tx, row)
      return put(tx, ctx, waitedTooLong(row, tx.now, await queueReasons(tx, new Map())(row)))
    case 'reserved':
      // It was only asked whether it has it.
      return isRecalled(row) ? putBack(tx, ctx, row) : missed(tx, ctx, row)
    case 'running':
      return loseLease(tx, ctx, row)
    case 'aborting':
      return put(tx, ctx, abortUnheard(row, tx.now))
    case 'lost':
      await unlink(tx, row)
      return put(tx, ctx, supersede(row, tx.now))
    default:
      throw new Error(`execution ${row.id} is ${row.state} and has a deadline`)
  }
}
