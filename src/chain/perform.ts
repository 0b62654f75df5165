import type { Clock } from '../edges.ts'
import type { Emit, TryEnd } from '../event.ts'
import { waitSeconds } from './backoff.ts'
import type { PlannedTask } from './planned-task.ts'

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

/**
 * The end of a task that was under way. `done`: it was OK or skipped, or it has given up and is not required.
 * `retry`: the chain is to begin again. `cut`: it is not done, because the run stops or because another task
 * has ended the pass.
 */
export type TaskEnd = { task: PlannedTask } & (
  | { came: 'done' | 'cut'; end?: TryEnd | undefined }
  | { came: Decision; end: TryEnd }
)

/** An end of a task by which a pass of the chain ends, the strongest first. */
export const decisions = ['halted', 'gave-up', 'exited', 'reboot', 'retry'] as const
export type Decision = (typeof decisions)[number]

const endings = {
  OK: 'done',
  HALT: 'halted',
  EXIT: 'exited',
  REBOOT: 'reboot',
  INTERRUPTED: 'cut',
} as const

/** The rules for the tries of a task. */
export interface TryPlan {
  /** The number of its next try. */
  first: number
  /** The end of that try, if an interrupted run has made it: it counts, and is not repeated. */
  failed?: TryEnd | undefined
  /** Whether a failure repeats this task alone, up to its `max_tries`. */
  alone: boolean
}

/** Tries a task until it has come to an end. `drain` cuts a wait short: no further try begins. */
export async function performTask(
  task: PlannedTask,
  { first, failed, alone }: TryPlan,
  deps: ChainDeps,
  drain: AbortSignal,
): Promise<TaskEnd> {
  const { required, max_tries } = task.settings
  for (let tryNum = first; ; tryNum++) {
    const end = tryNum === first && failed !== undefined ? failed : await deps.attempt(task, tryNum)
    if (end === undefined) return { task, came: 'cut' }
    if (end === 'skipped') return { task, came: 'done' }
    if (end.outcome !== 'RETRY') return { task, came: endings[end.outcome], end }
    if (required && deps.stop.aborted) return { task, came: 'cut', end }
    // A process that outlives SIGKILL ends the chain, whether the task is required or not.
    const isFatal = required || end.survivors.length > 0
    if (tryNum >= max_tries || end.survivors.length > 0) {
      deps.emit({ event: 'task:given-up', task: task.file, tries: tryNum, required: isFatal })
      if (isFatal) return { task, came: 'gave-up', end }
      return { task, came: deps.stop.aborted ? 'cut' : 'done', end }
    }
    if (!alone) return { task, came: 'retry', end }
    const cut = { task, came: 'cut', end: required ? end : undefined } as const
    if (drain.aborted || !(await waitForTry(task, task, tryNum, 'task', deps, drain))) return cut
  }
}

/** Whether the task is tried again alone after a failure of an interrupted run. */
export function isTriedAgain({ settings }: PlannedTask, { first, failed, alone }: TryPlan): boolean {
  return alone && first < settings.max_tries && failed?.survivors.length === 0
}

/** Waits before the next try; false when the run was stopped, or no further try is to begin. */
export async function waitForTry(
  failed: PlannedTask,
  next: PlannedTask,
  tryNum: number,
  counts: 'chain' | 'task',
  { clock, random, emit, stop }: ChainDeps,
  drain?: AbortSignal,
): Promise<boolean> {
  const delay_seconds = waitSeconds(failed.settings, tryNum, random())
  emit({
    event: 'chain:waiting',
    delay_seconds: Math.round(delay_seconds * 1000) / 1000,
    task: failed.file,
    next_task: next.file,
    try_num: tryNum + 1,
    max_tries: failed.settings.max_tries,
    counts,
  })
  const over = drain === undefined ? stop : AbortSignal.any([stop, drain])
  await clock.sleep(delay_seconds, over)
  return !over.aborted
}
