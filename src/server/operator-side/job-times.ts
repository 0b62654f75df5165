import type { NextTimes } from '../../protocol/messages/schedules.ts'
import { ok, type Result } from '../../result.ts'
import { nextTimes } from '../../schedule/next-times.ts'
import type { JobName } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { time } from '../rules/times.ts'
import { planOf, serverBlackouts } from '../state/plans.ts'
import { firstShown, scheduledJob } from '../state/scheduled-job.ts'

/** The next times of a job, whether or not it is paused. */
export async function jobTimes(
  tx: Reader,
  ctx: Context,
  name: JobName,
  count: number,
): Promise<Result<NextTimes, Refusal>> {
  const found = await scheduledJob(tx, name)
  if (!found.ok) return found
  const { job, row } = found.value
  const planned = planOf(ctx, job)
  if (!planned.ok) return refuse('malformed', planned.failure)
  const { plan, blackouts } = planned.value
  const times = nextTimes(plan, blackouts, await serverBlackouts(tx, ctx), firstShown(tx, row), count)
  return ok({
    items: times.map(({ at, due, local, notes }) => ({
      scheduled_for: time(at),
      due_at: time(due),
      local,
      notes,
    })),
  })
}
