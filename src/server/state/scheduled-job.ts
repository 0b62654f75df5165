import { ok, type Result } from '../../result.ts'
import type { JobName } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, jobKey } from '../../store/rows.ts'
import type { ScheduleRow } from '../../store/schedule-rows.ts'
import { noJob } from '../rules/absent.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'

/** A job that has a schedule, and the row of that. */
export async function scheduledJob(
  tx: Reader,
  name: JobName,
): Promise<Result<{ job: JobRow; row: ScheduleRow | undefined }, Refusal>> {
  const job = await tx.job(name)
  if (job === undefined) return noJob(name)
  if (!job.body.schedule)
    return refuse('not-found', `job ${name.name} has no schedule: put it with one (--cron, --every or --at)`)
  return ok({ job, row: await tx.schedule(jobKey(name)) })
}

/** Milliseconds for which a time that has passed is shown as one that comes. */
const undecidedFor = 60_000

/** From when on a schedule is shown: times that are due and not decided yet are among those that come. */
export const firstShown = (tx: Reader, row: ScheduleRow | undefined): number =>
  Math.max(row?.after ?? tx.now, tx.now - undecidedFor)
