import type { ServerConfiguration } from '../config/sections/server.ts'
import type { Chance } from '../edges.ts'
import type { SealKeys } from '../store/seal-key.ts'
import type { Target } from './notify/delivery.ts'
import { type Context, newContext, type ServerSettings } from './rules/context.ts'

/** The context of every use case, by the configuration of the server. */
export function contextOf(
  configuration: ServerConfiguration,
  targets: readonly Target[],
  keys: SealKeys,
  chance: Chance,
): Context {
  return newContext({ settings: settingsOf(configuration, targets), keys, chance })
}

/** Timings and limits in the units of use cases. */
function settingsOf(configuration: ServerConfiguration, targets: readonly Target[]): ServerSettings {
  return {
    lease_seconds: configuration.lease_seconds,
    confirm_within_seconds: configuration.confirm_within_seconds,
    late_result_seconds: configuration.late_result_seconds,
    ping_interval_seconds: configuration.ping_interval_seconds,
    reserve_wait_seconds: configuration.reserve_wait_seconds,
    log_limit: configuration.log_limit,
    retention_days: configuration.retention_days,
    credentials_days: configuration.credentials_days,
    audit_days: configuration.audit_days,
    max_output_bytes: 32 * 1024 * 1024,
    targets: targets
      .map(({ name, type, namespaces = null }) => ({ name, type, namespaces }))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1)),
  }
}
