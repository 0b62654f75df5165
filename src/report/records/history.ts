import { shown } from '../../system/printable.ts'
import { columns } from '../columns.ts'
import { localTime } from '../local-time.ts'
import { type RunSummary, skippedText, took } from './run-summary.ts'

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
  return columns([['run', 'started', 'took', 'done', 'tries', 'result'], ...rows])
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
    `${run.state}${task}${skippedText(run)}${resumes}`,
  ]
}
