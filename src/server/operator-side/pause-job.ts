import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { ok, type Result } from '../../result.ts'
import type { JobName } from '../../store/filters.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { planOf } from '../state/plans.ts'
import { scheduledJob } from '../state/scheduled-job.ts'
import { pausedIn, withNext } from '../state/schedules.ts'
import { scheduleView } from '../views/schedule-view.ts'

/** Pauses the schedule of a job, or ends its pause. A repeated call changes nothing. */
export async function pauseJob(
  tx: Writer,
  ctx: Context,
  name: JobName,
  isToPause: boolean,
): Promise<Result<{ before: ScheduleView; after: ScheduleView }, Refusal>> {
  const found = await scheduledJob(tx, name)
  if (!found.ok) return found
  const { job, row } = found.value
  const planned = planOf(ctx, job)
  if (!planned.ok || row === undefined) return refuse('malformed', planned.ok ? undefined : planned.failure)
  const paused = await pausedIn(tx)
  const before = scheduleView(ctx, row, job, paused)
  const isPaused = row.paused_at !== null
  if (isPaused === isToPause) return ok({ before, after: before })
  const missed = { until: tx.now, reason: 'paused' as const }
  const changed = isToPause ? { ...row, paused_at: tx.now } : { ...row, paused_at: null, missed }
  const next = withNext(changed, planned.value)
  tx.putSchedule(next)
  return ok({ before, after: scheduleView(ctx, next, job, paused) })
}
