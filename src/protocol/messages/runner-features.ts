/* What a runner can do that release 0.1.0 could not; without the schemas, which cost memory. */

/**
 * `confirm`: it confirms again what it holds where a heartbeat's answer asks for that. `renew`: it registers
 * anew before its token expires.
 */
export const runnerFeatures = ['confirm', 'renew'] as const
export type RunnerFeature = (typeof runnerFeatures)[number]

/**
 * What a server takes that release 0.1.0 refuses: these fields of a result, and `not_started` of a heartbeat.
 * A server names them to each runner that registers.
 */
export const serverFeatures = ['phases', 'resources', 'not_started'] as const
export type ServerFeature = (typeof serverFeatures)[number]
