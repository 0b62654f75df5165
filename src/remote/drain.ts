/* Ends an attached runner in the way in which it was asked to end. */
import { aborted, pause } from '../system/wait.ts'
import type { RunnerContext } from './context.ts'
import type { Assignments } from './job/assignments.ts'
import { isOver, type Lifecycle } from './link/lifecycle.ts'
import type { HeartbeatLoop } from './loops/heartbeat.ts'

/** The treatment of running jobs at a stop. */
export type StopKind = 'drain' | 'detach'

/** The parts that end together at a shutdown. */
export interface ShutdownScope {
  context: RunnerContext
  lifecycle: Lifecycle
  assignments: Assignments
  heartbeats: HeartbeatLoop
}

/** Seconds that calls to the server and the end of all loops get at a shutdown. */
export const shutdownGrace = 10
/** Seconds: that detached jobs have for the next start; beyond its grace for a job that is aborted. */
const times = { detached: 3600, afterAbort: 30 }

/** Waits for running jobs, at most `drainTime` seconds and less when `hurry` aborts, or lets them run on. */
export async function drain(
  scope: ShutdownScope,
  kind: StopKind,
  drainTime: number,
  hurry: AbortSignal,
): Promise<void> {
  const { context, lifecycle, assignments, heartbeats } = scope
  lifecycle.take({ step: 'drain' }, 'it was asked to stop')
  heartbeats.now()
  const back = () => (assignments.open === 0 ? 0 : times.detached)
  if (kind === 'detach') {
    for (const assignment of assignments.all) assignment.detach()
    await leave(scope, 'detached', back())
    return lifecycle.take({ step: 'stop' })
  }
  const executions = assignments.open
  if (executions > 0) context.emit({ event: 'runner:draining', executions, seconds: drainTime })
  if (!(await drained(scope, drainTime, hurry))) {
    assignments.abort(assignments.all.map(({ id }) => id))
    const graces = assignments.all.map(({ execution }) => execution.job.abort_timeout_seconds)
    await drained(scope, Math.max(0, ...graces) + times.afterAbort)
  }
  if (!isOver(lifecycle.life)) await leave(scope, 'stopped', back())
  lifecycle.take({ step: 'stop' })
}

/**
 * Waits for the end of all jobs, and for a while until the server has their results; false: that took too
 * long.
 */
async function drained(
  { context, lifecycle, assignments }: ShutdownScope,
  seconds: number,
  hurry?: AbortSignal,
): Promise<boolean> {
  const { clock } = context.edges
  const late = new AbortController()
  const stop = () => {
    late.abort()
    context.changed.notify()
  }
  hurry?.addEventListener('abort', stop, { once: true })
  if (hurry?.aborted) stop()
  void clock.sleep(seconds, late.signal).then(stop)
  const running = () => assignments.all.some(one => one.takesSlot)
  while (running() && !late.signal.aborted && !isOver(lifecycle.life)) await context.changed.notified
  const done = !running()
  if (done) {
    // The next start delivers what the server does not take now.
    const enough = new AbortController()
    const delivered = assignments.idle().then(() => enough.abort())
    await Promise.race([clock.sleep(shutdownGrace, enough.signal), delivered])
    enough.abort()
  }
  hurry?.removeEventListener('abort', stop)
  late.abort()
  return done
}

/** Tells the server that this runner leaves, and for how many seconds its leases are not to end. */
async function leave(
  { context, heartbeats }: ShutdownScope,
  reason: 'stopped' | 'detached',
  back: number,
): Promise<void> {
  const { api, edges } = context
  if (api.signed === undefined) return
  const late = new AbortController()
  const over = new AbortController()
  void edges.clock.sleep(shutdownGrace, over.signal).then(() => late.abort())
  // A heartbeat after `leave` would mark the runner present again, so heartbeats stop first.
  await Promise.race([heartbeats.silence(), aborted(late.signal)])
  for (let left = 5; left > 0 && !late.signal.aborted; left--) {
    const said = await api.leave(reason, back, late.signal)
    if (said.ok || said.failure.meaning !== 'again') break
    await pause(edges.clock, 1, context.back, late.signal)
  }
  over.abort()
}
