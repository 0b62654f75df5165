/* Whether and when a failed attempt is followed by the next one. */

import type { Chance } from '../../edges.ts'
import type { RetryPolicy } from '../../protocol/messages/jobs.ts'

/**
 * Whether an attempt that failed with this exit code is tried again; null: it has none, so that codes do not
 * decide.
 */
export function isRetriedAfter(policy: RetryPolicy = {}, exitCode: number | null): boolean {
  if (exitCode === null) return true
  const { on_exit_codes: only, not_on_exit_codes: never = [] } = policy
  return (only === undefined || only.includes(exitCode)) && !never.includes(exitCode)
}

/** Milliseconds from the `failures`th failure of a run (from 1) to its next attempt. */
export function retryDelay(policy: RetryPolicy = {}, failures: number, chance: Chance): number {
  const { delay_seconds = 5, backoff = 1, max_delay_seconds = 3600, jitter_seconds = 0 } = policy
  // The power may be infinite, and infinity times 0 is not a number.
  const grown = delay_seconds === 0 ? 0 : delay_seconds * backoff ** (failures - 1)
  const jitter = jitter_seconds === 0 ? 0 : jitter_seconds * chance.random()
  return Math.round((Math.min(grown, max_delay_seconds) + jitter) * 1000)
}
