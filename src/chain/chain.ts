import type { Clock } from '../edges.ts'
import type { Emit, ResumeFact, RunEnd, TryEnd } from '../event.ts'
import { waitSeconds } from './backoff.ts'
import type { PlannedTask } from './planned-task.ts'

/*
 * The run of a chain as a state machine:
 *
 *                    OK, or given up and not required
 *               ┌──────────────────────────────────────┐
 *               ▼                                      │
 *   start ──► next task ──► pre hook ──► try ──► post hook ──► HALT ───────────► halt task ──► halted
 *               ▲  │                                   │  │
 *               │  └─ none left ──► succeeded          │  ├──► EXIT ──────────────────────────► exited
 *               │                                      │  │
 *               └──── wait ◄── RETRY, tries left ──────┘  └──► RETRY, none left ► halt task ──► gave-up
 *
 * REBOOT, which counts as done, leads to `reboot`. A signal leads from any state to `interrupted`, without
 * the halt task. After the wait comes the first task of the chain (retry_from = beginning) or the one that
 * failed (retry_from = failed; and any task that is not required).
 */

/** The functions that a chain calls; tests pass scripted ones. */
export interface ChainDeps {
  /**
   * One try of a task, with its hooks, unless the task is skipped; undefined when the run was stopped before
   * the task began.
   */
  attempt(task: PlannedTask, tryNum: number): Promise<TryEnd | 'skipped' | undefined>
  /** The halt task, if there is one. */
  halt(): Promise<void>
  clock: Clock
  /** Uniform in [0, 1). */
  random(): number
  emit: Emit
  /** Ends the run. */
  stop: AbortSignal
}

export interface ChainOptions {
  tasks: readonly PlannedTask[]
  retry_from: 'beginning' | 'failed'
  /** Where to resume; undefined for a run from the beginning. */
  resume?: Pick<ResumeFact, 'done' | 'chain_try' | 'task_try' | 'failed'> | undefined
}

/**
 * How a chain ended: the reason, how many of its tasks were done, and the task that decided it with the end
 * of its try.
 */
export interface EndOfChain {
  reason: RunEnd
  done: number
  task?: string
  end?: TryEnd | undefined
}

/** Runs a chain to its end. */
export async function runChain(
  { tasks, retry_from, resume }: ChainOptions,
  deps: ChainDeps,
): Promise<EndOfChain> {
  const done = new Set(resume?.done)
  let position = tasks.findIndex(task => !done.has(task.file))
  if (position === -1) position = tasks.length
  /** The number of the next try of the task at `position`: an interrupted run had counted some, else 1. */
  let counted = resume?.task_try?.task === tasks[position]?.file ? (resume?.task_try?.try_num ?? 1) : 1
  /** Counts the tries of the chain, or with `failed` those of the task at `position`. */
  let tryNum = retry_from === 'beginning' ? (resume?.chain_try ?? 1) : counted
  /** The failed try of the interrupted run that had no consequence yet: it counts, and is not repeated. */
  let failed: TryEnd | undefined = resume?.failed
  while (position < tasks.length) {
    const task = tasks[position]!
    const { required, max_tries } = task.settings
    const result = required
      ? (failed ?? (await deps.attempt(task, tryNum)))
      : await tryAlone(task, counted, failed, deps)
    counted = 1
    failed = undefined
    const skipped = result === 'skipped'
    const end = skipped ? undefined : result
    // A skipped task counts as done. A task that ended with 0 as the signal came is done; if it was the last
    // one, so is the chain.
    const isDone = skipped || end?.outcome === 'OK'
    const isEnd = isDone && position + 1 === tasks.length
    const isOver = skipped ? false : end === undefined || end.outcome === 'INTERRUPTED'
    if (isOver || (deps.stop.aborted && !isEnd)) {
      const at = { done: position + (isDone ? 1 : 0), task: task.file }
      return { reason: 'interrupted', ...at, end }
    }
    const decided = { done: position, task: task.file, end }
    if (end === undefined) {
      position++
      if (retry_from === 'failed') tryNum = 1
      continue
    }
    if (end.outcome === 'REBOOT') return { reason: 'reboot', ...decided, done: position + 1 }
    if (end.outcome === 'EXIT') return { reason: 'exited', ...decided }
    if (end.outcome === 'HALT') {
      await deps.halt()
      return { reason: deps.stop.aborted ? 'interrupted' : 'halted', ...decided }
    }
    if (end.outcome === 'OK' || (!required && end.survivors.length === 0)) {
      position++
      if (retry_from === 'failed') tryNum = 1
      continue
    }
    if (tryNum >= max_tries || end.survivors.length > 0) {
      if (required) deps.emit({ event: 'task:given-up', task: task.file, tries: tryNum, required })
      await deps.halt()
      return { reason: deps.stop.aborted ? 'interrupted' : 'gave-up', ...decided }
    }
    if (retry_from === 'beginning') position = 0
    const counts = retry_from === 'beginning' ? 'chain' : 'task'
    if (!(await wait(task, tasks[position]!, tryNum, counts, deps)))
      return { reason: 'interrupted', ...decided }
    tryNum++
  }
  return { reason: 'succeeded', done: tasks.length }
}

/**
 * A task that is not required is tried alone, up to its own `max_tries`; its last end is the result.
 * `failed`: the end of its first try, if that has been made.
 */
async function tryAlone(
  task: PlannedTask,
  first: number,
  failed: TryEnd | undefined,
  deps: ChainDeps,
): Promise<TryEnd | 'skipped' | undefined> {
  for (let tryNum = first; ; tryNum++) {
    const end = tryNum === first && failed !== undefined ? failed : await deps.attempt(task, tryNum)
    if (end === undefined || end === 'skipped' || end.outcome !== 'RETRY') return end
    // A process that outlives SIGKILL ends the chain, whether the task is required or not.
    const stuck = end.survivors.length > 0
    if (stuck || tryNum >= task.settings.max_tries) {
      deps.emit({ event: 'task:given-up', task: task.file, tries: tryNum, required: stuck })
      return end
    }
    if (!(await wait(task, task, tryNum, 'task', deps))) return undefined
  }
}

/** Waits before the next try; false when the run was stopped meanwhile. */
async function wait(
  failed: PlannedTask,
  next: PlannedTask,
  tryNum: number,
  counts: 'chain' | 'task',
  deps: ChainDeps,
): Promise<boolean> {
  const delay_seconds = waitSeconds(failed.settings, tryNum, deps.random())
  deps.emit({
    event: 'chain:waiting',
    delay_seconds: Math.round(delay_seconds * 1000) / 1000,
    task: failed.file,
    next_task: next.file,
    try_num: tryNum + 1,
    max_tries: failed.settings.max_tries,
    counts,
  })
  await deps.clock.sleep(delay_seconds, deps.stop)
  return !deps.stop.aborted
}
