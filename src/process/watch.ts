import type { Clock } from '../edges.ts'
import { runFor } from './standstill.ts'
import type { Exit, Started } from './start.ts'
import { endTree, isZombie, type TreeEnd } from './tree.ts'

/** How long a process may run, and what ends it sooner. */
export interface Watch {
  /** Seconds in which this process runs, too; 0: for ever. */
  limit: number
  /** Seconds between the first signal and SIGKILL. */
  grace: number
  clock: Clock
  /** Ends the tree; its reason is the signal to do it with. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
  /** The value of RUNNER_TRY_ID or RUNNER_HOOK_ID by which the processes of the tree are known. */
  id?: string
  /** Called when the limit is reached, before anything is ended. */
  onLimit?: () => void
  /** Whether a process that ended so may leave nothing of its tree: what it has left is ended, too. */
  leavesNothing?: (exit: Exit) => boolean
}

/** Why a process ended, how, and what became of its tree. */
export interface Watched extends TreeEnd {
  why: 'exit' | 'limit' | 'stop'
  exit: Exit
}

/**
 * Waits for the end of a process, and brings it about, with its whole tree, at the limit or when asked to stop. A process
 * that had ended by itself before the first signal was sent to it has ended by itself.
 */
export async function watchProcess(started: Started, watch: Watch): Promise<Watched> {
  const { clock, limit, grace, stop, hurry, id } = watch
  const over = new AbortController()
  const exited = started.exited.then(() => 'exit' as const)
  const waits: Promise<'exit' | 'limit' | 'stop'>[] = [exited, aborted(stop, over.signal)]
  if (limit > 0) waits.push(runFor(clock, limit, over.signal).then(() => 'limit' as const))
  const first = await Promise.race(waits)
  over.abort()
  // Timers run before the event loop hears of processes that have ended, and the signal that tells of them may be late.
  const heardOf = first === 'exit' ? first : await Promise.race([exited, heard().then(() => first)])
  const why = started.pid !== undefined && isZombie(started.pid) ? 'exit' : heardOf
  const endAll = (leader: number, signal: NodeJS.Signals) =>
    endTree({ leader, ...(id === undefined ? {} : { id }) }, { signal, grace, clock, hurry })
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

/** Resolves when the event loop has heard of everything that has happened so far. */
function heard(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

function aborted(signal: AbortSignal, over: AbortSignal): Promise<'stop'> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve('stop')
    signal.addEventListener('abort', () => resolve('stop'), { once: true, signal: over })
  })
}
