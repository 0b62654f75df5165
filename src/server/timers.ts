import type { Clock } from '../edges.ts'

/** Runs something again and again, with a pause between an end and the next start, until `stop` aborts. */
export async function every(
  seconds: number,
  work: () => Promise<void> | void,
  { clock, stop, onError }: { clock: Clock; stop: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  for (;;) {
    await clock.sleep(seconds, stop)
    if (stop.aborted) return
    try {
      await work()
    } catch (error) {
      onError(error)
    }
  }
}
