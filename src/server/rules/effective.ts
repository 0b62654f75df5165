/*
 * The effective settings of a runner: the override of an operator, else the runner's own setting, else the
 * default.
 */

import type { AttachedSettings } from '../../protocol/messages/registration.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { ServerSettings } from './context.ts'

export const groupOf = (runner: RunnerRow): string => runner.set.runner_group ?? runner.said.runner_group
export const taintsOf = (runner: RunnerRow): string[] => runner.set.taints ?? runner.said.taints
export const capabilitiesOf = (runner: RunnerRow): string[] =>
  runner.set.capabilities ?? runner.said.capabilities
export const capacityOf = (runner: RunnerRow): number => runner.set.capacity ?? 4
export const isEnabled = (runner: RunnerRow): boolean => runner.set.enabled ?? true

/**
 * Whether its session in force has called within the lease; a runner that reports free slots must have asked
 * for work as well.
 */
export const isConnected = (runner: RunnerRow, now: number): boolean =>
  runner.seen_until > now && (!runner.free_slots || runner.reserve_until > now)

/** Whether three reservations in a row that it did not confirm make the server pass it over. */
export const isUnhealthy = (runner: RunnerRow, now: number): boolean =>
  runner.unhealthy_until !== null && runner.unhealthy_until > now

/** The state of a runner; whether it may take work depends on more than that. */
export function runnerStateOf(runner: RunnerRow, now: number): Runner['state'] {
  if (runner.deleted_at !== null) return 'deleted'
  if (runner.session === 0) return 'never-connected'
  if (runner.state === 'left') return 'left'
  if (!isConnected(runner, now)) return 'disconnected'
  return isUnhealthy(runner, now) ? 'unhealthy' : runner.state
}

/** The settings that the server sends to a runner. */
export function settingsOf(settings: ServerSettings, runner: RunnerRow): AttachedSettings {
  return {
    enabled: isEnabled(runner),
    capacity: capacityOf(runner),
    eviction_time_seconds: runner.set.eviction_time_seconds ?? 60,
    abort_timeout_seconds: runner.set.abort_timeout_seconds ?? 30,
    ping_interval_seconds: settings.ping_interval_seconds,
    reserve_wait_seconds: settings.reserve_wait_seconds,
    confirm_within_seconds: settings.confirm_within_seconds,
    lease_seconds: settings.lease_seconds,
    late_result_seconds: settings.late_result_seconds,
    max_output_bytes: settings.max_output_bytes,
  }
}
