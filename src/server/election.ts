/* Who leads a group. The leader's executions run on when another one is elected. */
import type { Context } from './context.ts'
import { candidacy } from './eligibility.ts'
import { groupOf } from './runner-facts.ts'
import type { GroupRow, RunnerRow, Writer } from './store/store.ts'

/**
 * The runner that is to lead, of those that are enabled, connected, healthy, neither draining nor gone, and without a
 * taint: the pinned one, else today's leader, else the oldest. Nobody where there is none, or where all may work.
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

/** By writer and group, who led before it: what one writer changes is one change, however often it has to elect. */
const before = new WeakMap<Writer, Map<string, string | null>>()

function leaderBefore(tx: Writer, { name, leader_runner_id }: GroupRow): string | null {
  const leaders = before.get(tx) ?? new Map<string, string | null>()
  before.set(tx, leaders)
  if (!leaders.has(name)) leaders.set(name, leader_runner_id)
  return leaders.get(name) ?? null
}

/**
 * Elects again, by watched time: after an outage nobody counts as gone who was not heard of since the server did not
 * listen, and after a jump of the clock nobody as there who was gone. Tells those whom it concerns. To be called in the
 * writer that changed anything an election goes by: the group, or a runner that is or was in it.
 */
export async function electGroup(tx: Writer, _ctx: Context, name: string): Promise<void> {
  const group = await tx.group(name)
  if (group === undefined || (group.mode !== 'leader' && group.leader_runner_id === null)) return
  const runners = group.mode === 'leader' ? await tx.runnersOf(name) : []
  const leader_runner_id = leaderBefore(tx, group)
  const leader = elect({ ...group, leader_runner_id }, runners, tx.watched)
  if (leader === group.leader_runner_id) return
  tx.putGroup({ ...group, leader_runner_id: leader })
  for (const id of [group.leader_runner_id, leader]) if (id !== null) tx.notify({ about: 'runner', id })
}
