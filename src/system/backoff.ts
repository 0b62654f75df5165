/** Seconds: the first wait after a failure, and the longest. */
const waits = { first: 0.5, longest: 60 }

/**
 * Seconds to wait after so many failures in a row: doubled each time, never more than a minute, and shortened
 * by chance to as little as half, so that a fleet does not come back in step.
 */
export function waitAfter(failures: number, random: number): number {
  const full = Math.min(waits.longest, waits.first * 2 ** Math.min(failures - 1, 30))
  return full * (1 - random / 2)
}

/** … or for as long as the server asks for, within the same bounds. */
export function waitFor(
  failures: number,
  random: number,
  { retry_after_seconds = 0 }: { retry_after_seconds?: number },
): number {
  return Math.max(waitAfter(failures, random), Math.min(retry_after_seconds, waits.longest))
}
