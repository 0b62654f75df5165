/* What every use case of the server is given besides its writer. */
import type { Chance } from '../edges.ts'

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
  /** The largest output of a plugin that a runner may send, opened. */
  max_output_bytes: number
}

/** Sealing of what the store keeps (keys.ts). */
export interface Keys {
  sealAtRest(text: string): string
  /** Throws where it was sealed under another key, or is damaged. */
  openAtRest(text: string): string
  /** A text for an owner that says nothing of it, the same for as long as the key is. */
  domainOf(owner: string): string
  /** By what a store knows its key; tells nothing about it. */
  readonly check: string
}

export interface Context {
  settings: ServerSettings
  keys: Keys
  chance: Chance
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
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
}
