import type { Reservation } from '../../protocol/messages/reservations.ts'
import type { Result } from '../../result.ts'
import { waitFor } from '../../system/backoff.ts'
import { pause, sent } from '../../system/wait.ts'
import type { RunnerContext } from '../context.ts'
import type { Assignments } from '../job/assignments.ts'
import type { ApiFailure } from '../link/failure-meaning.ts'
import type { Lifecycle } from '../link/lifecycle.ts'

export interface ReserveOptions {
  context: RunnerContext
  lifecycle: Lifecycle
  assignments: Assignments
}

/** Seconds between two looks at a disk that is too full. */
const lookEvery = 10
/** Seconds that others wait at most for what is being confirmed. */
const confirmTimeout = 0.01
/** Jobs that are asked for in one call. */
const mostSlots = 1000
/**
 * So many answers with nothing in them, each sooner than so many seconds, are one too many: the next call
 * waits.
 */
const hasty = { answers: 3, seconds: 0.1 }

/**
 * Asks for work while there may be some: one call at a time, for exactly as many jobs as there are free
 * slots. Where that changes, another call is made, and the server ends the one before it.
 */
export async function reserveLoop(options: ReserveOptions): Promise<void> {
  const { context, lifecycle, assignments } = options
  const { edges, over } = context
  /**
   * The number of jobs to ask for now. A standby asks too: the server takes a runner with free slots that
   * does not ask for gone, and would never elect it.
   */
  const wanted = () =>
    lifecycle.life.state === 'ready' || lifecycle.life.state === 'standby'
      ? Math.min(assignments.freeSlots, mostSlots)
      : 0
  let declined = false
  let empty = 0
  const take = (answer: Result<Reservation[], ApiFailure>) => {
    // A job that arrives when none is wanted any more is not confirmed, so it goes back to the queue by
    // itself.
    if (answer.ok && lifecycle.life.state !== 'draining')
      for (const one of answer.value) if (!assignments.accept(one)) declined = true
    return answer
  }
  for (let failures = 0; !over.aborted; ) {
    if (declined) {
      // It would be handed out again at once, for ever.
      declined = false
      await pause(edges.clock, waitFor(++failures, edges.chance.random(), {}), context.back, over)
      continue
    }
    // The jobs that have arrived are confirmed first, and start.
    await assignments.confirmed(confirmTimeout)
    await sent()
    if (over.aborted) return
    if (context.disk.isTooLow()) {
      await pause(edges.clock, lookEvery, lifecycle.changed, over)
      continue
    }
    const slots = wanted()
    if (slots === 0) {
      await context.changed.notified
      continue
    }
    const began = edges.clock.monotonic()
    const stop = new AbortController()
    const wait = context.settings()!.reserve_wait_seconds
    const call = context.api.reserve(slots, wait, AbortSignal.any([over, stop.signal])).then(take)
    const answer = await Promise.race([call, changed(call, () => wanted() !== slots, context)])
    if (answer === undefined) {
      if (wanted() === 0) stop.abort()
      continue
    }
    if (answer.ok) {
      empty = answer.value.length === 0 && edges.clock.monotonic() < began + hasty.seconds ? empty + 1 : 0
      if (empty >= hasty.answers) declined = true
      if (!declined) failures = 0
      continue
    }
    const { failure } = answer
    if (failure.meaning === 'stopped') continue
    if (failure.meaning !== 'again' && (await context.recoverSession(failure))) continue
    await pause(edges.clock, waitFor(++failures, edges.chance.random(), failure), context.back, over)
  }
}

/** Settles when something is so; never, where the call ends before that. */
async function changed(
  call: Promise<unknown>,
  isSo: () => boolean,
  { changed }: RunnerContext,
): Promise<undefined> {
  let ended = false
  void call.then(() => {
    ended = true
  })
  while (!isSo()) {
    await Promise.race([changed.notified, call])
    // A notice may come in the middle of a change that has several steps, so the change is looked at again.
    await sent()
    if (ended) return new Promise(() => {})
  }
}
