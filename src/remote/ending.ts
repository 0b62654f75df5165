/* How an attached runner ends as it was asked to. */
import { aborted, pause } from './bell.ts'
import type { HeartbeatLoop } from './heartbeat-loop.ts'
import type { Room } from './room.ts'
import { isOver, type Session } from './session.ts'
import type { Work } from './work.ts'

/** What a stop does with running jobs. */
export type StopKind = 'drain' | 'detach'

/** What has to end together. */
export interface Party {
  room: Room
  session: Session
  work: Work
  heartbeats: HeartbeatLoop
}

/** Seconds that what is still to be said gets at the end. */
export const farewellTime = 10
/** Seconds: that detached jobs have for the next start; beyond its grace for a job that is aborted. */
const times = { detached: 3600, afterAbort: 30 }

/** Waits for what runs, at most `drainTime` seconds and less when `hurry` comes, or lets it run on. */
export async function endAsAsked(
  party: Party,
  kind: StopKind,
  drainTime: number,
  hurry: AbortSignal,
): Promise<void> {
  const { room, session, work, heartbeats } = party
  session.take({ step: 'drain' }, 'it was asked to stop')
  heartbeats.now()
  const back = () => (work.open === 0 ? 0 : times.detached)
  if (kind === 'detach') {
    for (const assignment of work.assignments) assignment.detach()
    await leave(party, 'detached', back())
    return session.take({ step: 'stop' })
  }
  const executions = work.open
  if (executions > 0) room.emit({ event: 'runner:draining', executions, seconds: drainTime })
  if (!(await drained(party, drainTime, hurry))) {
    work.abort(work.assignments.map(({ id }) => id))
    const graces = work.assignments.map(({ execution }) => execution.job.abort_timeout_seconds)
    await drained(party, Math.max(0, ...graces) + times.afterAbort)
  }
  if (!isOver(session.life)) await leave(party, 'stopped', back())
  session.take({ step: 'stop' })
}

/** Waits for the end of all jobs, and for a while until their results are told; false: that took too long. */
async function drained(
  { room, session, work }: Party,
  seconds: number,
  hurry?: AbortSignal,
): Promise<boolean> {
  const { clock } = room.edges
  const late = new AbortController()
  const stop = () => {
    late.abort()
    room.changed.ring()
  }
  hurry?.addEventListener('abort', stop, { once: true })
  if (hurry?.aborted) stop()
  void clock.sleep(seconds, late.signal).then(stop)
  const running = () => work.assignments.some(one => one.takesSlot)
  while (running() && !late.signal.aborted && !isOver(session.life)) await room.changed.rung
  const done = !running()
  if (done) {
    // What cannot be told now is told by the next start.
    const enough = new AbortController()
    const told = work.idle().then(() => enough.abort())
    await Promise.race([clock.sleep(farewellTime, enough.signal), told])
    enough.abort()
  }
  hurry?.removeEventListener('abort', stop)
  late.abort()
  return done
}

/** Tells the server, and for how many seconds what runs is nobody's to lose. */
async function leave(
  { room, heartbeats }: Party,
  reason: 'stopped' | 'detached',
  back: number,
): Promise<void> {
  const { api, edges } = room
  if (api.signed === undefined) return
  const late = new AbortController()
  const over = new AbortController()
  void edges.clock.sleep(farewellTime, over.signal).then(() => late.abort())
  // A word after good-bye would be a return.
  await Promise.race([heartbeats.silence(), aborted(late.signal)])
  for (let left = 5; left > 0 && !late.signal.aborted; left--) {
    const said = await api.leave(reason, back, late.signal)
    if (said.ok || said.failure.meaning !== 'again') break
    await pause(edges.clock, 1, room.back, late.signal)
  }
  over.abort()
}
