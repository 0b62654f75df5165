import type { Reservation } from '../protocol/messages.ts'
import type { Result } from '../result.ts'
import { waitFor } from './backoff.ts'
import { pause, sent } from './bell.ts'
import type { Room } from './room.ts'
import type { ApiFailure } from './server-api.ts'
import type { Session } from './session.ts'
import type { Work } from './work.ts'

export interface ReserveOptions {
  room: Room
  session: Session
  work: Work
}

/** Seconds between two looks at a disk that is too full. */
const lookEvery = 10
/** Seconds that others wait at most for what is being confirmed. */
const confirmPatience = 0.01
/** Jobs that are asked for in one call. */
const mostSlots = 1000
/** So many answers with nothing in them, each sooner than so many seconds, are one too many: the next call waits. */
const hasty = { answers: 3, seconds: 0.1 }

/**
 * Asks for work as long as there may be some: one call at a time, for exactly as many jobs as there is room for. Where
 * that changes, another call is made, and the server ends the one before it.
 */
export async function reserveLoop(options: ReserveOptions): Promise<void> {
  const { room, session, work } = options
  const { edges, over } = room
  /**
   * How many jobs to ask for now. One that stands by asks too: the server takes a runner that has free slots and does not
   * ask for one that is not there, and would never elect it.
   */
  const wanted = () =>
    session.life.state === 'ready' || session.life.state === 'standby'
      ? Math.min(work.freeSlots, mostSlots)
      : 0
  let declined = false
  let empty = 0
  const take = (answer: Result<Reservation[], ApiFailure>) => {
    // What comes when nothing is wanted any more goes back to the queue by itself.
    if (answer.ok && session.life.state !== 'draining')
      for (const one of answer.value) if (!work.accept(one)) declined = true
    return answer
  }
  for (let failures = 0; !over.aborted; ) {
    if (declined) {
      // It would be handed out again at once, for ever.
      declined = false
      await pause(edges.clock, waitFor(++failures, edges.chance.random(), {}), room.back, over)
      continue
    }
    // What has come is confirmed first, and starts.
    await work.confirmed(confirmPatience)
    await sent()
    if (over.aborted) return
    if (room.disk.isTooLow()) {
      await pause(edges.clock, lookEvery, session.changed, over)
      continue
    }
    const slots = wanted()
    if (slots === 0) {
      await room.changed.rung
      continue
    }
    const began = edges.clock.monotonic()
    const stop = new AbortController()
    const wait = room.settings()!.reserve_wait_seconds
    const call = room.api.reserve(slots, wait, AbortSignal.any([over, stop.signal])).then(take)
    const answer = await Promise.race([call, changed(call, () => wanted() !== slots, room)])
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
    if (failure.meaning !== 'again' && (await room.mend(failure))) continue
    await pause(edges.clock, waitFor(++failures, edges.chance.random(), failure), room.back, over)
  }
}

/** Settles when something is so; never, where the call ends before that. */
async function changed(call: Promise<unknown>, isSo: () => boolean, { changed }: Room): Promise<undefined> {
  let ended = false
  void call.then(() => {
    ended = true
  })
  while (!isSo()) {
    await Promise.race([changed.rung, call])
    // What is one step to somebody else may ring in the middle of it.
    await sent()
    if (ended) return new Promise(() => {})
  }
}
