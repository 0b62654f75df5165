/* What is so for a runner: what an operator set, else what its registration says, else the default. */
import type { Runner, Settings } from '../protocol/messages.ts'
import type { ServerSettings } from './context.ts'
import type { RunnerRow } from './store/store.ts'

export const groupOf = (runner: RunnerRow): string => runner.set.runner_group ?? runner.said.runner_group
export const taintsOf = (runner: RunnerRow): string[] => runner.set.taints ?? runner.said.taints
export const capabilitiesOf = (runner: RunnerRow): string[] =>
  runner.set.capabilities ?? runner.said.capabilities
export const capacityOf = (runner: RunnerRow): number => runner.set.capacity ?? 4
export const isEnabled = (runner: RunnerRow): boolean => runner.set.enabled ?? true

/** Whether its session in force has called within the lease; with free slots, by its own word, to ask for work too. */
export const isConnected = (runner: RunnerRow, now: number): boolean =>
  runner.seen_until > now && (!runner.free_slots || runner.reserve_until > now)

/** Whether three reservations in a row that it did not confirm make the server pass it over. */
export const isUnhealthy = (runner: RunnerRow, now: number): boolean =>
  runner.unhealthy_until !== null && runner.unhealthy_until > now

/** The one word for what it is; whether it may take work is more than that. */
export function stateOf(runner: RunnerRow, now: number): Runner['state'] {
  if (runner.deleted_at !== null) return 'deleted'
  if (runner.session === 0) return 'never-connected'
  if (runner.state === 'left') return 'left'
  if (!isConnected(runner, now)) return 'disconnected'
  return isUnhealthy(runner, now) ? 'unhealthy' : runner.state
}

/** What a runner is told to go by. */
export function settingsOf(settings: ServerSettings, runner: RunnerRow): Settings {
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
