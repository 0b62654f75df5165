import type { ShownJob } from '../../protocol/messages/jobs.ts'
import { ok, type Result } from '../../result.ts'
import type { JobName } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { jobKey } from '../../store/rows.ts'
import { noJob } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { readable } from '../state/unreadable.ts'
import { shownJob } from '../views/job-view.ts'

export async function getJob(tx: Reader, ctx: Context, job: JobName): Promise<Result<ShownJob, Refusal>> {
  const row = await readable(tx.job(job), jobKey(job))
  return row === undefined ? noJob(job) : ok(await shownJob(row, ctx.keys))
}
