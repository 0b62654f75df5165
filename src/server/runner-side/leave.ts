import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { isHandedOut, renew } from '../rules/transitions.ts'
import { putBack } from '../state/attempts.ts'
import { runnerOf } from '../state/caller.ts'
import { electGroup } from '../state/election.ts'

/** Marks a runner as left: its leases last at least until it is back, and it gets no work before that. */
export async function leave(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  { back_within_seconds }: { back_within_seconds: number },
): Promise<void> {
  const runner = await runnerOf(tx, caller)
  const back_until = tx.watched + back_within_seconds * 1000
  tx.putRunner({ ...runner, state: 'left', back_until })
  for (const row of await tx.heldBy([runner.id]))
    if (row.state !== 'reserved') tx.putExecution(renew(row, Math.max(row.deadline ?? 0, back_until)))
    else if (isHandedOut(row)) await putBack(tx, ctx, row)
  await electGroup(tx, ctx, groupOf(runner))
}
