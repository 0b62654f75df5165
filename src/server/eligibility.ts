/* Who may take work, and who may lead: a pure function of rows. */

import { capabilitiesOf, groupOf, isConnected, isEnabled, isUnhealthy, taintsOf } from './runner-facts.ts'
import type { ExecutionRow, GroupRow, RunnerRow } from './store/store.ts'

/** What keeps a runner from taking work. */
export type Hindrance =
  | 'deleted'
  | 'disabled'
  | 'left'
  | 'draining'
  | 'disconnected'
  | 'unhealthy'
  | 'tainted'
  | 'standby'

/** What keeps a runner from leading its group: all but not leading it. */
export function candidacy(runner: RunnerRow, now: number): Exclude<Hindrance, 'standby'>[] {
  const hindrances = {
    deleted: runner.deleted_at !== null,
    disabled: !isEnabled(runner),
    left: runner.state === 'left',
    draining: runner.state === 'draining',
    disconnected: !isConnected(runner, now),
    unhealthy: isUnhealthy(runner, now),
    tainted: taintsOf(runner).length > 0,
  }
  return (Object.keys(hindrances) as (keyof typeof hindrances)[]).filter(name => hindrances[name])
}

/** What keeps a runner from taking work of its group, the weightiest first; nothing: it may. */
export function eligibility(runner: RunnerRow, group: GroupRow | undefined, now: number): Hindrance[] {
  const standby = roleOf(runner, group) === 'standby'
  return standby ? [...candidacy(runner, now), 'standby'] : candidacy(runner, now)
}

/** What a runner is in its group; null where that has no leader. */
export function roleOf(runner: RunnerRow, group: GroupRow | undefined): 'leader' | 'standby' | null {
  if (group?.mode !== 'leader') return null
  return group.leader_runner_id === runner.id ? 'leader' : 'standby'
}

/** Whether an execution is meant for such a runner, whether or not that may take work now. */
export function suits(runner: RunnerRow, row: Pick<ExecutionRow, 'runner_group' | 'capabilities'>): boolean {
  if (row.runner_group !== groupOf(runner)) return false
  const capabilities = capabilitiesOf(runner)
  return row.capabilities.every(capability => capabilities.includes(capability))
}
