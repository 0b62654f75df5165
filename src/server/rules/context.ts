/* The context of a use case: everything it needs besides its writer. */

import type { Hash } from 'node:crypto'
import type { Chance } from '../../edges.ts'
import type { Mask } from '../../protocol/mask/mask.ts'
import type { NotifyTarget } from '../../protocol/messages/notifications.ts'
import type { Settings } from '../../protocol/messages/settings.ts'
import type { Result } from '../../result.ts'
import type { BlackoutPlan } from '../../schedule/blackouts.ts'
import { ScheduleCache } from '../../schedule/schedule-cache.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import type { Writer } from '../../store/writer.ts'
import type { JobPlan } from './job-plan.ts'

/** Timings and limits of `[server]`. */
export interface ServerSettings {
  lease_seconds: number
  confirm_within_seconds: number
  late_result_seconds: number
  ping_interval_seconds: number
  reserve_wait_seconds: number
  /** Bytes of one log beyond which only head and tail are kept. */
  log_limit: number
  /** Days that ended executions are kept. */
  retention_days: number
  /** Days after which the token of a runner that renews it expires; 0: never. */
  credentials_days: number
  /** Days that entries of the audit log are kept. */
  audit_days: number
  /** The largest output of a plugin that a runner may send, opened. */
  max_output_bytes: number
  /** The targets that jobs can name to be told: the sections `[notify.NAME]`, by name. */
  targets: readonly NotifyTarget[]
}

export interface Context {
  settings: ServerSettings
  keys: SealKeys
  chance: Chance
  memory: Memory
}

/**
 * The hash of the first `length` bytes of a log; Infinity: the log needs none, as the server has masked or
 * dropped bytes.
 */
export interface HashedLog {
  length: number
  hash: Hash
}

/** The search for the secrets of a run. */
export interface LogMask {
  mask: Mask
  /** Bytes that the longest way to write a secret takes; 0: the run has no secrets. */
  reach: number
}

/**
 * The memory of use cases between calls. All of it may be lost at any time, and is then made again from the
 * store.
 */
export interface Memory {
  /** Hashes by execution; the one that was not used for the longest time is first. */
  logHashes: Map<string, HashedLog>
  /** Masks by run, the oldest first. */
  logMasks: Map<string, LogMask>
  /** The settings of the server, by their text in the store. */
  settings?: { text: string; value: Settings }
  /** The use of each quota, by its name, in a span of watched time that began then. */
  quotas: Map<string, { began: number; used: number; left: number }>
  /** The reasons why results are not taken yet, by execution (runner-side/accept-result.ts). */
  waitingResults: Map<string, string>
  /** The reasons why executions have not started yet, by runner and execution, as its last heartbeat says. */
  notStarted: Map<string, ReadonlyMap<string, string>>
  /** The results that schedules have looked up. */
  schedules: ScheduleCache
  /** The compiled schedules, by namespace and name of their job (state/plans.ts). */
  plans: Map<string, { text: string; plan: Result<JobPlan, string> }>
  /** The blackouts of the server, by the settings that have them. */
  blackouts?: { rules: unknown; value: BlackoutPlan[] }
  /**
   * The usual durations of jobs' runs, by job (`jobKey`), with the time at which they were looked up
   * (state/job-stats.ts).
   */
  usual: Map<string, { at: number; seconds: number | null }>
  /** The leaders before a writer began, by writer and group (state/election.ts). */
  leaders: WeakMap<Writer, Map<string, string | null>>
}

/** A context that remembers nothing yet. */
export function newContext(parts: Omit<Context, 'memory'>): Context {
  return {
    ...parts,
    memory: {
      logHashes: new Map(),
      logMasks: new Map(),
      quotas: new Map(),
      waitingResults: new Map(),
      notStarted: new Map(),
      schedules: new ScheduleCache(),
      plans: new Map(),
      usual: new Map(),
      leaders: new WeakMap(),
    },
  }
}

/** A runner and its session, which is the one in force (session.ts). */
export interface Caller {
  runner_id: string
  session: number
}

/** A new UUID (version 7): those of a later millisecond come after those of an earlier one. */
export function newId(chance: Chance, now: number): string {
  const time = Math.trunc(now).toString(16).padStart(12, '0')
  const random = chance.id()
  const variant = ((Number.parseInt(random[3]!, 16) & 3) | 8).toString(16)
  const after = `7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
  return `${time.slice(0, 8)}-${time.slice(8)}-${after}`
}
