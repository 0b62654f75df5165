import type { HookRef } from '../../event.ts'
import type { HookRecord, RunRecord, TryRecord } from '../../journal/run-record.ts'
import { openProcesses, secondsBetween, usualDuration } from '../../journal/runs.ts'
import { defined } from '../../result.ts'
import { escaped, shown } from '../../system/printable.ts'
import { describeEnding, durationText } from '../describe.ts'
import { localTime } from '../local-time.ts'
import { type RunSummary, skippedText, summarize, took } from './run-summary.ts'

/** A run, and where it is or how it ended, as JSON. */
interface StatusFacts extends RunSummary {
  parallel?: number
  /** Present where the run may have several tasks under way, and runs. */
  under_way?: TaskUnderWay[]
  /** The first task that is under way. */
  at?: AtTry | AtHook | AtWait
}

interface AtTry {
  task: string
  try_num: number
  max_tries: number
  task_started_at: string
  task_seconds: number
  usual_seconds?: number
}
interface AtHook {
  try_num: number
  hook: HookRef['hook']
  hook_started_at: string
  hook_seconds: number
}
interface AtWait {
  waiting_seconds: number
  next_task: string
  try_num: number
}

/** The state of a run, and where it is or how it ended, as JSON. */
export function statusFacts(run: RunRecord, earlier: readonly RunRecord[], now: Date): object {
  const { at, ...facts } = factsOf(run, earlier, now)
  return { ...facts, ...at }
}

function factsOf(run: RunRecord, earlier: readonly RunRecord[], now: Date): StatusFacts {
  const summary = summarize(run, now)
  if (summary.state !== 'running') return summary
  const { parallel } = run.started
  const [open] = openProcesses(run)
  const [wait] = run.waits.values()
  const at = open === undefined ? wait && waitFacts(wait, now) : processFacts(open, earlier, now)
  const under_way = parallel === undefined ? undefined : underWay(run, earlier, now)
  return { ...summary, ...defined({ parallel, under_way, at }) }
}

function waitFacts(wait: { next_task: string; try_num: number } & Wait, now: Date): AtWait {
  return { waiting_seconds: secondsLeft(wait, now), next_task: wait.next_task, try_num: wait.try_num }
}

/** A task that is under way, in a run that may have several of them. */
interface TaskUnderWay {
  task: string
  try_num: number
  /** The step that it is at. */
  step: 'try' | 'pre hook' | 'post hook' | 'condition' | 'wait'
  /** Seconds since that step began; of a wait the seconds that are left. */
  seconds: number
  usual_seconds?: number
}

function underWay(run: RunRecord, earlier: readonly RunRecord[], now: Date): TaskUnderWay[] {
  const open = openProcesses(run).map(({ started }): TaskUnderWay => {
    const { task, try_num, at } = started
    const seconds = secondsBetween(at, now)
    if ('hook' in started) return { task, try_num, step: hookWords(started.hook), seconds }
    return {
      task,
      try_num,
      step: 'try',
      seconds,
      ...defined({ usual_seconds: usualDuration(task, earlier) }),
    }
  })
  const waits = [...run.waits.values()].map((wait): TaskUnderWay => {
    const { next_task, try_num } = wait
    return { task: next_task, try_num, step: 'wait', seconds: secondsLeft(wait, now) }
  })
  return [...open, ...waits]
}

function processFacts(
  { started }: TryRecord | HookRecord,
  earlier: readonly RunRecord[],
  now: Date,
): AtTry | AtHook {
  const { task, try_num, at } = started
  if ('hook' in started)
    return { try_num, hook: started.hook, hook_started_at: at, hook_seconds: secondsBetween(at, now) }
  return {
    task,
    try_num,
    max_tries: started.max_tries,
    task_started_at: at,
    task_seconds: secondsBetween(at, now),
    ...defined({ usual_seconds: usualDuration(task, earlier) }),
  }
}

interface Wait {
  at: string
  delay_seconds: number
}

function secondsLeft({ at, delay_seconds }: Wait, now: Date): number {
  return Math.max(0, delay_seconds - secondsBetween(at, now))
}

/** A hook in words. */
export function hookWords(hook: HookRef['hook']): 'pre hook' | 'post hook' | 'condition' {
  return hook === 'condition' ? hook : `${hook} hook`
}

/** The same in a few lines. */
export function statusText(run: RunRecord, earlier: readonly RunRecord[], now: Date): string {
  const facts = factsOf(run, earlier, now)
  const { at, under_way } = facts
  const progress = `${facts.tasks_done} of ${facts.tasks} tasks done${skippedText(facts)}`
  if (facts.state !== 'running') {
    const why = run.ended?.failure === undefined ? '' : ` (${escaped(describeEnding(run.ended.failure))})`
    const by = facts.task === undefined ? '' : ` at ${shown(facts.task)}${why}`
    const what =
      facts.state === 'crashed'
        ? `ended without a word${by}: runner was killed, or the machine went down`
        : `${facts.state}${by}`
    const times = `started ${localTime(facts.started_at)}, took ${took(facts)}`
    return `run ${facts.run_id}: ${what}; ${progress}; ${times}\n`
  }
  const since = `since ${localTime(facts.started_at)}, for ${durationText(facts.duration_seconds)}`
  const head = `run ${facts.run_id}: running ${since}; ${progress}\n`
  if (under_way !== undefined)
    return head + under_way.map(one => `  ${shown(one.task)}: ${stepText(one)}\n`).join('')
  if (at === undefined) return head
  if ('next_task' in at) {
    const next = `try ${at.try_num}, from ${shown(at.next_task)}`
    return `${head}  waiting ${durationText(at.waiting_seconds)} more before ${next}\n`
  }
  if ('hook' in at) {
    const hook = `${at.hook} hook of try ${at.try_num}, for ${durationText(at.hook_seconds)}`
    return `${head}  ${shown(facts.task ?? '')}: ${hook}\n`
  }
  const tries = `try ${at.try_num} of ${at.max_tries}, for ${durationText(at.task_seconds)}`
  return `${head}  ${shown(at.task)}: ${tries} (${usually(at)})\n`
}

function stepText(one: TaskUnderWay): string {
  const time = durationText(one.seconds)
  if (one.step === 'try') return `try ${one.try_num}, for ${time} (${usually(one)})`
  if (one.step === 'wait') return `waiting ${time} more before try ${one.try_num}`
  return `${one.step} of try ${one.try_num}, for ${time}`
}

function usually({ usual_seconds }: { usual_seconds?: number }): string {
  return usual_seconds === undefined ? 'no usual time known' : `usually ${durationText(usual_seconds)}`
}
