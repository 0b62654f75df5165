import type { Clock } from '../edges.ts'
import { isZombie } from '../system/proc.ts'
import { aborted, nextTurn } from '../system/wait.ts'
import { runFor } from './standstill.ts'
import type { Exit, StartedProcess } from './start.ts'
import { endTree, type TreeEnd } from './tree.ts'

/** The time that a process may run, and the signals that end it sooner. */
export interface Watch {
  /** Seconds, without the time in which runner itself stands still; 0: for ever. */
  limit: number
  /** Seconds between the first signal and SIGKILL. */
  grace: number
  clock: Clock
  /** Ends the tree; its reason is the signal to do it with. */
  stop: AbortSignal
  /** Ends every grace period. */
  hurry: AbortSignal
  /** The value of RUNNER_TRY_ID or RUNNER_HOOK_ID by which the processes of the tree are known. */
  id?: string
  /** Called when the limit is reached, before anything is ended. */
  onLimit?: () => void
  /**
   * Whether a process that ended so may leave no process of its tree: those that it has left are ended too.
   */
  leavesNothing?: (exit: Exit) => boolean
}

/** The end of a process, its cause, and the end of its tree. */
export interface WatchedProcess extends TreeEnd {
  why: 'exit' | 'limit' | 'stop'
  exit: Exit
}

/**
 * Waits for the end of a process; at the limit, or when asked to stop, it ends the process with its whole
 * tree. A process that ended before the first signal was sent to it has ended by itself.
 */
export async function watchProcess(started: StartedProcess, watch: Watch): Promise<WatchedProcess> {
  const { clock, limit, grace, stop, hurry, id } = watch
  const over = new AbortController()
  const exited = started.exited.then(() => 'exit' as const)
  const waits: Promise<'exit' | 'limit' | 'stop'>[] = [
    exited,
    aborted(stop, over.signal).then(() => 'stop' as const),
  ]
  if (limit > 0) waits.push(runFor(clock, limit, over.signal).then(() => 'limit' as const))
  const first = await Promise.race(waits)
  over.abort()
  // Timers run before the event loop gets the ends of processes, and SIGCHLD may be late.
  const heardOf = first === 'exit' ? first : await Promise.race([exited, nextTurn().then(() => first)])
  const why = started.pid !== undefined && isZombie(started.pid) ? 'exit' : heardOf
  const endAll = (leader: number, signal: NodeJS.Signals) =>
    endTree({ leader, id }, { signal, grace, clock, hurry })
  if (why === 'exit' || started.pid === undefined) {
    const exit = await started.exited
    const all = started.pid !== undefined && watch.leavesNothing?.(exit)
    const end = all ? await endAll(started.pid!, 'SIGTERM') : { killed: [], survivors: [] }
    return { why: 'exit', exit, ...end }
  }

  if (why === 'limit') watch.onLimit?.()
  const end = await endAll(started.pid, why === 'stop' ? (stop.reason as NodeJS.Signals) : 'SIGTERM')
  const survived = end.survivors.some(({ pid }) => pid === started.pid)
  const exit: Exit = survived ? { kind: 'signalled', signal: 'SIGKILL' } : await started.exited
  const byItself = !end.killed.some(({ pid }) => pid === started.pid)
  return { why: byItself ? 'exit' : why, exit, ...end }
}
