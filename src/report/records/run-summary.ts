import type { RunRecord } from '../../journal/run-record.ts'
import { openProcesses, runStateOf, secondsBetween } from '../../journal/runs.ts'
import { defined } from '../../result.ts'
import { durationText } from '../describe.ts'

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
  /** The number of skipped tasks among them; absent for none. */
  tasks_skipped?: number
  tries: number
  exit_status?: number
  /** The task that decided how it ended, or that runs. */
  task?: string
  resumes?: number
}

export function summarize(run: RunRecord, now: Date): RunSummary {
  const state = runStateOf(run)
  const until = state === 'running' ? now : run.last_at
  const task = run.ended?.task ?? openProcesses(run)[0]?.started.task
  return {
    run_id: run.started.run_id,
    state,
    started_at: run.started.at,
    duration_seconds: run.ended?.duration_seconds ?? secondsBetween(run.started.at, until),
    ...defined({ duration_at_least: state === 'crashed' ? (true as const) : undefined }),
    tasks: run.started.tasks.length,
    tasks_done: run.done.length,
    ...defined({ tasks_skipped: run.skipped.size || undefined }),
    tries: run.tries.length,
    ...defined({ exit_status: run.ended?.exit_status, task, resumes: run.started.resumes?.run_id }),
  }
}

/** `, 2 skipped`; empty for none. */
export function skippedText({ tasks_skipped }: RunSummary): string {
  return tasks_skipped === undefined ? '' : `, ${tasks_skipped} skipped`
}

/** The time that a run took, or has taken at least. */
export function took({ duration_seconds, duration_at_least }: RunSummary): string {
  return `${duration_at_least ? 'at least ' : ''}${durationText(duration_seconds)}`
}
