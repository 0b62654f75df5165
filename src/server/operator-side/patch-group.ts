import type { Group, GroupPatch } from '../../protocol/messages/groups.ts'
import type { Result } from '../../result.ts'
import type { Writer } from '../../store/writer.ts'
import { noGroup } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { electGroup } from '../state/election.ts'
import { groupRow } from '../state/groups.ts'
import { getGroup } from './get-group.ts'

/** Sets mode and pin, and elects again. Only a runner that is in the group can be pinned. */
export async function patchGroup(
  tx: Writer,
  ctx: Context,
  name: string,
  patch: GroupPatch,
): Promise<Result<Group, Refusal>> {
  const row = await groupRow(tx, name)
  if (row === undefined) return noGroup(name)
  if (patch.pinned_runner_id != null) {
    const runner = await tx.runner(patch.pinned_runner_id)
    if (runner === undefined) return refuse('not-found', 'there is no runner with the id to pin')
    if (runner.deleted_at !== null) return refuse('deleted', `runner ${runner.name} was deleted`)
    if (groupOf(runner) !== name)
      return refuse('malformed', `runner ${runner.name} is in group ${groupOf(runner)}, not in ${name}`)
  }
  tx.putGroup({ ...row, ...patch })
  await electGroup(tx, ctx, name)
  // The role of each runner has changed: leader, standby, or neither.
  if (patch.mode !== undefined && patch.mode !== row.mode)
    for (const { id } of await tx.runnersOf(name)) tx.notify({ about: 'runner', id })
  return getGroup(tx, name)
}
