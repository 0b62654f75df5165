import type { RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { electGroup } from './election.ts'
import { ensureGroup } from './groups.ts'

/** Puts a runner, notifies it, and elects again in its present and its former group. */
export async function putAndElect(
  tx: Writer,
  ctx: Context,
  before: RunnerRow,
  now: RunnerRow,
): Promise<void> {
  tx.putRunner(now)
  tx.notify({ about: 'runner', id: now.id })
  await ensureGroup(tx, groupOf(now))
  for (const group of new Set([groupOf(before), groupOf(now)])) await electGroup(tx, ctx, group)
}
