import { escaped, shown } from '../../system/printable.ts'
import { columns } from '../columns.ts'
import { durationText } from '../describe.ts'
import { localTime } from '../local-time.ts'
import type { Analysis, TaskTimes } from './analysis.ts'

/** The sums, the tasks in the order of their beginnings, and the critical chain. */
export function analysisText(analysis: Analysis): string {
  const { run_id, state, started_at, duration_seconds, tasks, parallel, idle_seconds } = analysis
  const sum = (key: 'try_seconds' | 'hook_seconds' | 'wait_seconds') =>
    durationText(tasks.reduce((total, task) => total + task[key], 0))
  const several =
    parallel === undefined
      ? ''
      : ` Up to ${parallel} tasks were under way at once, so the sums may be larger.`
  return [
    `run ${run_id}, started ${localTime(started_at)}: ${escaped(state)}, ${durationText(duration_seconds)}.`,
    `Tries ${sum('try_seconds')}, waits for another try ${sum('wait_seconds')}, ` +
      `hooks and conditions ${sum('hook_seconds')}, ` +
      `no task under way ${durationText(idle_seconds)}.${several}`,
    ...(tasks.length === 0
      ? []
      : ['', tasksTable(tasks).trimEnd(), '', criticalChainText(analysis).trimEnd()]),
    '',
  ].join('\n')
}

/** The tasks, the one that took longest first. */
export function blameText({ tasks }: Analysis): string {
  return tasksTable(tasks.toSorted((a, b) => b.seconds - a.seconds))
}

/** The tasks of the critical chain in the order of time. */
export function criticalChainText({ run_id, critical_chain }: Analysis): string {
  const rows = critical_chain.map(({ task, from, seconds, usual_seconds }) => [
    `  @${durationText(from)}`,
    `+${durationText(seconds)}`,
    shown(task),
    usual_seconds === undefined ? '' : `usually ${durationText(usual_seconds)}`,
  ])
  const head = 'Each of these began when the one before it had ended, and the last one ended'
  return `${head} run ${run_id}:\n${columns(rows)}`
}

function tasksTable(tasks: readonly TaskTimes[]): string {
  const rows = tasks.map(task => [
    shown(task.task),
    durationText(task.from),
    durationText(task.seconds),
    String(task.tries),
    durationText(task.try_seconds),
    durationText(task.wait_seconds),
    durationText(task.hook_seconds),
    task.usual_seconds === undefined ? '' : durationText(task.usual_seconds),
  ])
  return columns([['task', 'after', 'took', 'tries', 'in tries', 'waits', 'hooks', 'usual try'], ...rows])
}
