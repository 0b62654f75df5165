import type { Job } from '../protocol/messages/jobs.ts'
import type { ScheduleView } from '../protocol/messages/schedules.ts'
import { columns } from './columns.ts'
import { nextOf, problemLines } from './schedules.ts'

/** Jobs as a table; `schedules` are those of the jobs that have one. */
export function jobsText(jobs: readonly Job[], schedules: readonly ScheduleView[]): string {
  if (jobs.length === 0) return 'no jobs\n'
  // A column that says nothing is left out.
  const several = jobs.some(({ namespace = 'default' }) => namespace !== 'default')
  const views = new Map(schedules.map(view => [`${view.namespace}/${view.job}`, view]))
  const rows = jobs.map(job => {
    const { name, namespace = 'default', image, runner_group, priority, retries } = job
    const view = views.get(`${namespace}/${name}`)
    return [
      ...(several ? [namespace] : []),
      name,
      programOf(job),
      image,
      runner_group ?? 'default',
      String(priority ?? 0),
      String(retries ?? 0),
      ...(schedules.length === 0 ? [] : [view?.text ?? '', view === undefined ? '' : comesOf(view)]),
    ]
  })
  const head = [...(several ? ['namespace'] : []), 'job', 'runs', 'image', 'group', 'priority', 'retries']
  const table = columns([[...head, ...(schedules.length === 0 ? [] : ['schedule', 'next'])], ...rows])
  return table + problemLines(schedules)
}

/** The command of a job, or the type of its plugin. */
const programOf = ({ input, command, args }: Job): string =>
  input === undefined ? (command ?? args ?? []).join(' ') : input.task.type

/** When a job runs next, or why it does not run by itself for now. */
function comesOf(view: ScheduleView): string {
  if (view.problem !== undefined) return 'broken'
  if (view.paused_at !== null) return 'paused'
  return view.enabled ? nextOf(view) : 'disabled'
}
