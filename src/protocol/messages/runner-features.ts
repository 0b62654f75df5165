/*
 * The abilities of a runner that release 0.1.0 lacks. They have a file without the schemas, because these
 * cost memory.
 */

/**
 * `confirm`: it confirms again what it holds where a heartbeat's answer asks for that. `renew`: it registers
 * anew before its token expires.
 */
export const runnerFeatures = ['confirm', 'renew'] as const
export type RunnerFeature = (typeof runnerFeatures)[number]

/**
 * The additions to messages that a server accepts and release 0.1.0 refuses: these fields of a result, and
 * `not_started` of a heartbeat. A server names them to each runner that registers.
 */
export const serverFeatures = ['phases', 'resources', 'not_started'] as const
export type ServerFeature = (typeof serverFeatures)[number]
