import type { RunRecord } from '../journal/reader.ts'
import { openHook, openTry, secondsBetween, stateOf, usualDuration } from '../journal/runs.ts'
import { escaped, shown } from '../process/printable.ts'
import { describeEnding, seconds } from './describe.ts'

/** A run in one line of a table, and as JSON. */
export interface RunSummary {
  run_id: number
  state: string
  started_at: string
  duration_seconds: number
  /** Present where its end is not on record: it took at least `duration_seconds`. */
  duration_at_least?: true
  tasks: number
  tasks_done: number
  tries: number
  exit_status?: number
  /** The task that decided how it ended, or that runs. */
  task?: string
  resumes?: number
}

export function summarize(run: RunRecord, now: Date): RunSummary {
  const state = stateOf(run)
  const until = state === 'running' ? now : run.last_at
  const task = run.ended?.task ?? (openHook(run) ?? openTry(run))?.started.task
  return {
    run_id: run.started.run_id,
    state,
    started_at: run.started.at,
    duration_seconds: run.ended?.duration_seconds ?? secondsBetween(run.started.at, until),
    ...(state === 'crashed' ? { duration_at_least: true } : {}),
    tasks: run.started.tasks.length,
    tasks_done: run.done.length,
    tries: run.tries.length,
    ...(run.ended === undefined ? {} : { exit_status: run.ended.exit_status }),
    ...(task === undefined ? {} : { task }),
    ...(run.started.resumes === undefined ? {} : { resumes: run.started.resumes.run_id }),
  }
}

/** A run of which only the number is known. */
export interface UnreadableRun {
  run_id: number
  state: 'unreadable'
  message: string
}

/** The runs as a table, the latest first. */
export function historyText(runs: readonly (RunSummary | UnreadableRun)[]): string {
  const rows = runs.map(run =>
    'message' in run ? [String(run.run_id), '', '', '', '', `unreadable: ${run.message}`] : rowOf(run),
  )
  return table([['run', 'started', 'took', 'done', 'tries', 'result'], ...rows])
}

function rowOf(run: RunSummary): string[] {
  const task = run.task === undefined ? '' : ` (${shown(run.task)})`
  const resumes = run.resumes === undefined ? '' : `, resumes ${run.resumes}`
  return [
    String(run.run_id),
    localTime(run.started_at),
    took(run),
    `${run.tasks_done}/${run.tasks}`,
    String(run.tries),
    `${run.state}${task}${resumes}`,
  ]
}

function took({ duration_seconds, duration_at_least }: RunSummary): string {
  return `${duration_at_least ? 'at least ' : ''}${seconds(duration_seconds)}`
}

function table(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(
      row =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** Local time without the second's fraction: `2026-01-31 06:00:01`. */
export function localTime(at: string): string {
  const date = new Date(at)
  const two = (number: number) => String(number).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** What a run is at, or how it ended, as JSON. */
export function statusFacts(run: RunRecord, earlier: readonly RunRecord[], now: Date) {
  const summary = summarize(run, now)
  const open = openTry(run)
  if (summary.state !== 'running') return summary
  const waiting = run.waiting
  if (waiting !== undefined) {
    const left = waiting.delay_seconds - secondsBetween(waiting.at, now)
    return {
      ...summary,
      waiting_seconds: Math.max(0, left),
      next_task: waiting.next_task,
      try_num: waiting.try_num,
    }
  }
  const hook = openHook(run)?.started
  if (hook !== undefined)
    return {
      ...summary,
      try_num: hook.try_num,
      hook: hook.hook,
      hook_started_at: hook.at,
      hook_seconds: secondsBetween(hook.at, now),
    }
  if (open === undefined) return summary
  const { task, try_num, max_tries, at } = open.started
  const usual = usualDuration(task, earlier)
  return {
    ...summary,
    task,
    try_num,
    max_tries,
    task_started_at: at,
    task_seconds: secondsBetween(at, now),
    ...(usual === undefined ? {} : { usual_seconds: usual }),
  }
}

/** What a run is at, or how it ended, in a few lines. */
export function statusText(run: RunRecord, earlier: readonly RunRecord[], now: Date): string {
  const facts = statusFacts(run, earlier, now)
  const progress = `${facts.tasks_done} of ${facts.tasks} tasks done`
  if (facts.state !== 'running') {
    const why = run.ended?.failure === undefined ? '' : ` (${escaped(describeEnding(run.ended.failure))})`
    const by = facts.task === undefined ? '' : ` at ${shown(facts.task)}${why}`
    const what =
      facts.state === 'crashed'
        ? `ended without a word${by}: runner was killed, or the machine went down`
        : `${facts.state}${by}`
    return `run ${facts.run_id}: ${what}; ${progress}; started ${localTime(facts.started_at)}, took ${took(facts)}\n`
  }
  const head = `run ${facts.run_id}: running since ${localTime(facts.started_at)}, for ${seconds(facts.duration_seconds)}; ${progress}\n`
  if ('next_task' in facts)
    return `${head}  waiting ${seconds(facts.waiting_seconds)} more before try ${facts.try_num}, from ${shown(facts.next_task)}\n`
  if ('hook' in facts)
    return `${head}  ${shown(facts.task ?? '')}: ${facts.hook} hook of try ${facts.try_num}, for ${seconds(facts.hook_seconds)}\n`
  if (!('task_seconds' in facts)) return head
  const usual =
    facts.usual_seconds === undefined ? 'no usual time known' : `usually ${seconds(facts.usual_seconds)}`
  return `${head}  ${shown(facts.task)}: try ${facts.try_num} of ${facts.max_tries}, for ${seconds(facts.task_seconds)} (${usual})\n`
}
