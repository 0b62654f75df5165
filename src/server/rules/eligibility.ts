/* Which runners may take work, and which may lead: pure functions of rows. */

import type { ExecutionRow, GroupRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import {
  capabilitiesOf,
  capacityOf,
  groupOf,
  isConnected,
  isEnabled,
  isUnhealthy,
  taintsOf,
} from './effective.ts'

/** A reason why a runner may not take work. */
export type Hindrance =
  | 'deleted'
  | 'disabled'
  | 'left'
  | 'draining'
  | 'disconnected'
  | 'unhealthy'
  | 'tainted'
  | 'standby'

/** The reasons why a runner may not lead its group: all but not leading it. */
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

/** The reasons why a runner may not take work of its group, the weightiest first; none: it may. */
export function eligibility(runner: RunnerRow, group: GroupRow | undefined, now: number): Hindrance[] {
  const standby = roleOf(runner, group) === 'standby'
  return standby ? [...candidacy(runner, now), 'standby'] : candidacy(runner, now)
}

/** The role of a runner in its group; null in a group without a leader. */
export function roleOf(runner: RunnerRow, group: GroupRow | undefined): 'leader' | 'standby' | null {
  if (group?.mode !== 'leader') return null
  return group.leader_runner_id === runner.id ? 'leader' : 'standby'
}

/** Whether an execution is meant for such a runner, even if that may not take work now. */
export function suits(runner: RunnerRow, row: Pick<ExecutionRow, 'runner_group' | 'capabilities'>): boolean {
  if (row.runner_group !== groupOf(runner)) return false
  const capabilities = capabilitiesOf(runner)
  return row.capabilities.every(capability => capabilities.includes(capability))
}

/**
 * Whether a runner that cannot be asked for its lease may keep what it lists and the store has as queued.
 * `held`: how many executions it has.
 */
export function mayAdopt(
  runner: RunnerRow,
  row: Pick<ExecutionRow, 'runner_group' | 'capabilities'>,
  held: number,
): boolean {
  const mayWork = isEnabled(runner) && taintsOf(runner).length === 0 && runner.state === 'ready'
  return mayWork && runner.deleted_at === null && held < capacityOf(runner) && suits(runner, row)
}

/** The words for a runner that may not take work. */
export const hindranceTexts: Record<Hindrance, string> = {
  deleted: 'deleted',
  disabled: 'disabled',
  left: 'stopped',
  draining: 'draining',
  disconnected: 'not connected',
  unhealthy: 'passed over for a while, since reservations were not confirmed',
  tainted: 'tainted',
  standby: 'standing by',
}
