import { lineOf } from '../../store/queue.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { hasEnded } from '../rules/transitions.ts'
import { advanceBehind } from './lines.ts'
import { noteChange } from './notices.ts'

/**
 * Does what follows from the change of an execution, in the same transaction: lets those run that waited for
 * its end, and writes down who is to be told. `put` calls it for each execution that it puts; `before`: as
 * the row was; undefined of one that is queued or reserved.
 */
export async function settle(
  tx: Writer,
  ctx: Context,
  row: ExecutionRow,
  before: ExecutionRow | undefined,
): Promise<void> {
  if (hasEnded(row) || lineOf(row) !== undefined) await advanceBehind(tx, row)
  await noteChange(tx, ctx, row, before)
}
