import { loseLease, missed, put, unlink } from './attempts.ts'
import type { Context } from './context.ts'
import { abortUnheard, supersede, waitedTooLong } from './executions.ts'
import type { ExecutionRow, Writer } from './store/store.ts'

/** What becomes of an execution whose deadline has come. Only the sweep calls it, so that an outage expires nothing. */
export async function expire(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  switch (row.state) {
    case 'queued':
      await unlink(tx, row)
      return put(tx, waitedTooLong(row, tx.now))
    case 'reserved':
      return missed(tx, ctx, row)
    case 'running':
      return loseLease(tx, ctx, row)
    case 'aborting':
      return put(tx, abortUnheard(row, tx.now))
    case 'lost':
      await unlink(tx, row)
      return put(tx, supersede(row, tx.now))
    default:
      throw new Error(`execution ${row.id} is ${row.state} and has a deadline`)
  }
}
