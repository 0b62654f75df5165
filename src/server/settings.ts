import type { ServerConfiguration } from '../config/server-section.ts'
import type { ServerSettings } from './context.ts'

/** Timings and limits as use cases know them. */
export function settingsOf(configuration: ServerConfiguration): ServerSettings {
  const { lease_seconds, confirm_within_seconds, late_result_seconds } = configuration
  const { ping_interval_seconds, reserve_wait_seconds, log_limit, retention_days } = configuration
  return {
    ...{ lease_seconds, confirm_within_seconds, late_result_seconds, ping_interval_seconds },
    ...{ reserve_wait_seconds, log_limit, retention_days },
    max_output_bytes: 32 * 1024 * 1024,
  }
}
