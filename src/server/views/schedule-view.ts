/* Schedules, and what they have not fired, as operators see them. */
import type { Missed, Schedule, ScheduleView } from '../../protocol/messages/schedules.ts'
import { type JobRow, nameOfKey } from '../../store/rows.ts'
import type { MissedRow, ScheduleRow } from '../../store/schedule-rows.ts'
import type { Context } from '../rules/context.ts'
import { time, timeOrNull } from '../rules/times.ts'
import { planOf } from '../state/plans.ts'
import { type PausedAt, pausedSince } from '../state/schedules.ts'
import type { UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

/** The schedule of a job and where it stands. `job` is undefined where its row cannot be read. */
export function scheduleView(
  ctx: Context,
  row: ScheduleRow,
  job: JobRow | undefined,
  paused: PausedAt,
): ScheduleView {
  const { namespace, name } = nameOfKey(row.job)
  const schedule = job?.body.schedule ?? null
  const planned = job === undefined || schedule === null ? undefined : planOf(ctx, job)
  const since = Math.min(row.paused_at ?? Infinity, pausedSince(paused, namespace) ?? Infinity)
  const view = {
    job: name,
    namespace,
    schedule,
    text: schedule === null ? '' : scheduleText(schedule),
    enabled: schedule?.enabled ?? true,
    paused_at: since === Infinity ? null : time(since),
    scheduled_for: timeOrNull(row.scheduled_for),
    due_at: timeOrNull(row.scheduled_for === null ? null : row.due_at),
    last_scheduled_for: timeOrNull(row.last_fired),
  }
  if (job === undefined) return { ...view, problem: 'the definition of the job cannot be read' }
  return planned?.ok === false ? { ...view, problem: planned.failure } : view
}

export function shownSchedule(
  row: ScheduleRow | UnreadableRow,
  view: (row: ScheduleRow) => ScheduleView,
): Promise<ScheduleView> {
  return showRow<ScheduleRow, ScheduleView>(row, view, problem => {
    const { name: job, namespace } = nameOfKey('unreadable' in row ? row.id : row.job)
    const nothing = { paused_at: null, scheduled_for: null, due_at: null, last_scheduled_for: null }
    return { job, namespace, schedule: null, text: '', enabled: true, ...nothing, problem }
  })
}

/** A schedule on one line: `30 2 * * * Europe/Berlin`, `every 15 min`, `at 2026-12-24T18:00:00Z`. */
function scheduleText({ cron, every, at, time_zone = 'UTC' }: Schedule): string {
  if (cron !== undefined) return `${[cron].flat().join(' | ')} ${time_zone}`
  if (every !== undefined) return `every ${spanText(every.seconds)}`
  return `at ${at}`
}

function spanText(seconds: number): string {
  for (const [unit, length] of [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
  ] as const)
    if (seconds % length === 0) return `${seconds / length} ${unit}`
  return `${seconds} s`
}

export function shownMissed(row: MissedRow | UnreadableRow): Promise<Missed> {
  const at = time(0)
  return showRow<MissedRow, Missed>(
    row,
    ({ id, job, reason, from, to, count, more }) => {
      const { name, namespace } = nameOfKey(job)
      const shown = { id, job: name, namespace, reason, from: time(from), to: time(to), count }
      return more ? { ...shown, more } : shown
    },
    problem => {
      const id = 'unreadable' in row ? row.id : ''
      return {
        id,
        job: 'unknown',
        namespace: 'default',
        reason: 'outage',
        from: at,
        to: at,
        count: 1,
        problem,
      }
    },
  )
}
