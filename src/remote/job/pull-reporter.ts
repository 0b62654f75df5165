import type { RunnerContext } from '../context.ts'
import type { JobRef } from '../events.ts'
import { type PullProgress, pullText } from '../executors/image.ts'

/** Seconds between two lines about one pull. */
const every = 10

/**
 * Tells how far the pull of an image is, at first at once and then every ten seconds: as an event, and as a
 * text to `onPull`.
 */
export function pullReporter(
  { emit, edges }: Pick<RunnerContext, 'emit' | 'edges'>,
  ref: JobRef,
  onPull: (text: string) => void,
): (progress: PullProgress) => void {
  let next = Number.NEGATIVE_INFINITY
  return progress => {
    const now = edges.clock.monotonic()
    if (now < next) return
    next = now + every
    emit({ event: 'image:pull', ...ref, ...progress })
    onPull(pullText(progress))
  }
}
