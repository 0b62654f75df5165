import type { Runner, RunnerPatch } from '../../protocol/messages/runners.ts'
import type { Result } from '../../result.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import { noRunner } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import { taintsOf } from '../rules/effective.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { putAndElect } from '../state/put-runner.ts'
import { nameHolder } from '../state/runner-names.ts'
import { getRunner } from './get-runner.ts'

const mostTaints = 64

/**
 * Overrides the runner's own settings; `deleted: false` allows a deleted runner to register again.
 */
export async function patchRunner(
  tx: Writer,
  ctx: Context,
  id: string,
  { deleted, add_taints, remove_taints, ...set }: RunnerPatch,
): Promise<Result<Runner, Refusal>> {
  const row = await tx.runner(id)
  if (row === undefined) return noRunner()
  if (row.deleted_at !== null && deleted === undefined)
    return refuse('deleted', 'the runner was deleted; {"deleted": false} allows it again')
  const holder = row.deleted_at === null ? undefined : await nameHolder(tx, row.name)
  if (holder !== undefined)
    return refuse(
      'name-taken',
      `runner ${holder.id} has the name ${row.name} by now; delete that one first, or leave this one deleted`,
    )
  const undeleted = row.deleted_at === null ? row : await undelete(tx, row)
  const { capabilities } = set
  const sorted = capabilities && { capabilities: capabilities.toSorted() }
  const changed =
    add_taints === undefined && remove_taints === undefined
      ? {}
      : { taints: changedTaints(set.taints ?? taintsOf(row), add_taints, remove_taints) }
  if ((changed.taints?.length ?? 0) > mostTaints)
    return refuse('malformed', `/add_taints: a runner has at most ${mostTaints} taints`)
  await putAndElect(tx, ctx, row, { ...undeleted, set: { ...row.set, ...set, ...sorted, ...changed } })
  return getRunner(tx, ctx, id)
}

function changedTaints(taints: string[], add: string[] = [], remove: string[] = []): string[] {
  return [...new Set([...taints, ...add])].filter(taint => !remove.includes(taint))
}

/** Its session and token from before the deletion are void: the runner registers again. */
async function undelete(tx: Writer, row: RunnerRow): Promise<RunnerRow> {
  await tx.deleteRunnerTokens(row.id)
  tx.notify({ about: 'tokens' })
  return { ...row, deleted_at: null }
}
