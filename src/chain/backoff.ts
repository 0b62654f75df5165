/** The settings of the wait before the next try. */
export interface Backoff {
  /** Seconds, least wait. */
  sleep_time: number
  /** Seconds, upper bound of the random part. */
  retry_jitter: number
  /** Factor per try. */
  backoff: number
}

/** The longest wait: a day. */
export const longestWait = 86_400

/**
 * Seconds to wait after try `tryNum` (from 1): backoff^tryNum × (sleep_time + random × retry_jitter), the
 * formula of build-runner with its factor made a setting. `random` is uniform in [0, 1).
 */
export function waitSeconds(settings: Backoff, tryNum: number, random: number): number {
  const base = settings.sleep_time + random * settings.retry_jitter
  return base === 0 ? 0 : Math.min(longestWait, settings.backoff ** tryNum * base)
}
