import type { ResumeFact, RunEnd, TryEnd } from '../event.ts'
import { allFailed, allTaskTries } from '../journal/resume-fact.ts'
import { tasksToStart } from './may-start.ts'
import { type ChainDeps, decisions, isTriedAgain, performTask, type TaskEnd, waitForTry } from './perform.ts'
import type { PlannedTask } from './planned-task.ts'

/*
 * The run of a chain as a state machine. A pass starts tasks as may-start.ts says, up to `parallel` of them
 * at once. Each of them is to come, under way (perform.ts), or done:
 *
 *                        OK, skipped, or given up and not required
 *               ┌──────────────────────────────────────────────────────────────┐
 *               ▼                                                              │
 *   start ──► to come ──► under way: condition ──► pre hook ──► try ──► post hook
 *               ▲  │                     ▲                                     │
 *               │  └─ all done           └─ wait ◄── RETRY, tries left, alone ─┤
 *               │      │                                                       │ any other end
 *               │      ▼                                                       ▼
 *               │    succeeded            drain: nothing starts until nothing is under way any more
 *               │                                                              │ the strongest end decides
 *               │                             HALT ────────────► halt task ──► halted
 *               │                             RETRY, none left ► halt task ──► gave-up
 *               │                             EXIT ──────────────────────────► exited
 *               │                             REBOOT, which counts as done ──► reboot
 *               └──────────────────── wait ◄─ RETRY, tries left
 *
 * A signal leads from any state to `interrupted`, without the halt task. `alone`: with retry_from = failed,
 * and any task that is not required.
 */

export interface ChainOptions {
  /** In the order of the chain. */
  tasks: readonly PlannedTask[]
  /** The most tasks that may be under way at once. */
  parallel: number
  retry_from: 'beginning' | 'failed'
  /** Where to resume; undefined for a run from the beginning. */
  resume?: ResumeFacts | undefined
}

type ResumeFacts = Pick<
  ResumeFact,
  'done' | 'chain_try' | 'task_try' | 'more_task_tries' | 'failed' | 'more_failed'
>

/**
 * The end of a chain: the reason, the number of its tasks that were done, and the task that decided it with
 * the end of its try.
 */
export interface EndOfChain {
  reason: RunEnd
  done: number
  task?: string
  end?: TryEnd | undefined
}

/** Runs a chain to its end. */
export async function runChain(options: ChainOptions, deps: ChainDeps): Promise<EndOfChain> {
  const { tasks, resume } = options
  const done = new Set(resume?.done)
  let facts = resume
  for (let tryNum = resume?.chain_try ?? 1; ; tryNum++) {
    const ends = await runPass(options, { done, tryNum, resume: facts }, deps)
    facts = undefined
    if (tasks.every(({ file }) => done.has(file))) return { reason: 'succeeded', done: tasks.length }
    const strongest = firstOf(ends, tasks)
    const at = { done: done.size, task: strongest.task.file, end: strongest.end }
    // A task that ended with 0 as the signal came is done; if it was the last one, so is the chain.
    if (deps.stop.aborted) return { reason: 'interrupted', ...at }
    switch (strongest.came) {
      case 'done':
      case 'cut':
        throw new Error(`the chain has stopped at ${strongest.task.file} without a reason`)
      case 'halted':
      case 'gave-up':
        await deps.halt()
        return { reason: deps.stop.aborted ? 'interrupted' : strongest.came, ...at }
      case 'exited':
        return { reason: 'exited', ...at }
      case 'reboot':
        return { reason: 'reboot', ...at, done: done.size + ends.filter(isReboot).length }
      case 'retry':
        done.clear()
        if (!(await waitForTry(strongest.task, tasks[0]!, tryNum, 'chain', deps)))
          return { reason: 'interrupted', ...at }
    }
  }
}

const isReboot = ({ came }: TaskEnd): boolean => came === 'reboot'

/** A pass of the chain. */
interface Pass {
  /** Files of the tasks that are done; the pass adds those that it does. */
  done: Set<string>
  /** The number of the try of the chain. */
  tryNum: number
  resume: ResumeFacts | undefined
}

/**
 * Starts tasks until all are done or one has an end by which the pass ends, and waits until none is under
 * way; gives the ends of all tasks, in the order in which they came.
 */
async function runPass(
  { tasks, parallel, retry_from }: ChainOptions,
  { done, tryNum, resume }: Pass,
  deps: ChainDeps,
): Promise<TaskEnd[]> {
  const failed = new Map(allFailed(resume).map(end => [end.task, end]))
  const counted = new Map(allTaskTries(resume).map(({ task, try_num }) => [task, try_num]))
  const isAlone = ({ settings }: PlannedTask) => retry_from === 'failed' || !settings.required
  const underWay = new Map<string, Promise<TaskEnd>>()
  const drain = new AbortController()
  const planOf = (task: PlannedTask) => {
    const alone = isAlone(task)
    const first = alone ? (counted.get(task.file) ?? 1) : tryNum
    return { first, failed: failed.get(task.file), alone }
  }
  const begin = (task: PlannedTask) =>
    underWay.set(task.file, performTask(task, planOf(task), deps, drain.signal))
  const ends: TaskEnd[] = []
  let draining = false
  for (const task of tasks) {
    // A failure of the interrupted run after which the task is not tried again alone counts before all else.
    if (!failed.has(task.file) || isTriedAgain(task, planOf(task))) continue
    const ended = await performTask(task, planOf(task), deps, drain.signal)
    ends.push(ended)
    if (ended.came === 'done') done.add(task.file)
    else draining = true
  }
  for (;;) {
    if (!draining) for (const task of tasksToStart(tasks, { done, underWay }, parallel)) begin(task)
    if (underWay.size === 0) return ends
    const ended = await Promise.race(underWay.values())
    underWay.delete(ended.task.file)
    ends.push(ended)
    if (ended.came === 'done') done.add(ended.task.file)
    if (ended.came === 'done' && !deps.stop.aborted) continue
    draining = true
    drain.abort()
  }
}

/**
 * The end that decides about the chain: the strongest, and of equal ones that of the first task in the order
 * of the chain, whichever came first. Where none decides it is that of a task that was cut off, and without
 * one the last end.
 */
function firstOf(ends: readonly TaskEnd[], tasks: readonly PlannedTask[]): TaskEnd {
  const order = new Map(tasks.map(({ file }, index) => [file, index]))
  const inOrder = ends.toSorted((a, b) => order.get(a.task.file)! - order.get(b.task.file)!)
  for (const came of [...decisions, 'cut']) {
    const found = inOrder.find(end => end.came === came)
    if (found !== undefined) return found
  }
  return ends.at(-1)!
}
