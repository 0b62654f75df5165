import type { Clock } from '../edges.ts'

/**
 * Seconds by which a busy machine may wake this process too late. A longer delay means that the process stood
 * still.
 */
const mostDelay = 1
/** Seconds of one wait: a shorter standstill may go unseen. */
const longestWait = 1

/**
 * Waits as `clock.sleep` does; resolves to the seconds that count. Time in which this process stood still
 * does not: stopped by SIGSTOP, in a frozen cgroup, or on a suspended machine.
 */
export async function sleepRunning(clock: Clock, seconds: number, signal?: AbortSignal): Promise<number> {
  const before = clock.monotonic()
  await clock.sleep(seconds, signal)
  const took = clock.monotonic() - before
  return took > seconds + mostDelay ? seconds : took
}

/** Waits until this process has run for a number of seconds. */
export async function runFor(clock: Clock, seconds: number, signal: AbortSignal): Promise<void> {
  for (let left = seconds; left > 0 && !signal.aborted; )
    left -= await sleepRunning(clock, Math.min(left, longestWait), signal)
}
