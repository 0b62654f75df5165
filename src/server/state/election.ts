/* Elects the leader of a group. The executions of a former leader run on. */

import type { GroupRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { candidacy } from '../rules/eligibility.ts'
import { ifReadable } from './unreadable.ts'

/**
 * The runner that is to lead, of those that are enabled, connected, healthy, neither draining nor gone, and
 * without a taint: the pinned one, else today's leader, else the oldest. Undefined where there is no such
 * runner, or where all may work.
 */
export function elect(group: GroupRow, runners: readonly RunnerRow[], now: number): string | null {
  if (group.mode !== 'leader') return null
  const candidates = runners.filter(
    runner => groupOf(runner) === group.name && candidacy(runner, now).length === 0,
  )
  const named = [group.pinned_runner_id, group.leader_runner_id].find(id =>
    candidates.some(runner => runner.id === id),
  )
  return named ?? oldest(candidates)?.id ?? null
}

function oldest(runners: readonly RunnerRow[]): RunnerRow | undefined {
  const isOlder = (one: RunnerRow, other: RunnerRow) =>
    one.created_at < other.created_at || (one.created_at === other.created_at && one.id < other.id)
  return runners.reduce<RunnerRow | undefined>(
    (first, runner) => (first === undefined || isOlder(runner, first) ? runner : first),
    undefined,
  )
}

/**
 * The leader of a group before this writer: all changes of one writer count as one, even if it elects several
 * times.
 */
function leaderBefore(tx: Writer, { memory }: Context, { name, leader_runner_id }: GroupRow): string | null {
  const leaders = memory.leaders.get(tx) ?? new Map<string, string | null>()
  memory.leaders.set(tx, leaders)
  if (!leaders.has(name)) leaders.set(name, leader_runner_id)
  return leaders.get(name) ?? null
}

/**
 * Elects again, by watched time: after an outage a runner does not count as gone only because the server did
 * not listen, and after a jump of the clock a runner that was gone does not count as connected. Notifies the
 * runners concerned. To be called in the writer that changed anything an election depends on: the group, or a
 * runner that is or was in it.
 */
export async function electGroup(tx: Writer, ctx: Context, name: string): Promise<void> {
  const group = await ifReadable(tx.group(name))
  if (group === undefined || (group.mode !== 'leader' && group.leader_runner_id === null)) return
  const runners = group.mode === 'leader' ? await tx.runnersOf(name) : []
  const leader_runner_id = leaderBefore(tx, ctx, group)
  const leader = elect({ ...group, leader_runner_id }, runners, tx.watched)
  if (leader === group.leader_runner_id) return
  tx.putGroup({ ...group, leader_runner_id: leader })
  for (const id of [group.leader_runner_id, leader]) if (id !== null) tx.notify({ about: 'runner', id })
}
