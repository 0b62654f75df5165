import type { JobStats } from '../../protocol/messages/stats.ts'
import { ok, type Result } from '../../result.ts'
import type { JobName } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { noJob } from '../rules/absent.ts'
import type { Refusal } from '../rules/refusal.ts'
import { statsOfJob } from '../state/job-stats.ts'
import { ifReadable } from '../state/unreadable.ts'

/** The statistics of a job that is defined, or whose executions are still kept. */
export async function jobStats(tx: Reader, job: JobName): Promise<Result<JobStats, Refusal>> {
  const stats = await statsOfJob(tx, job)
  const isKnown = stats.runs > 0 || (await ifReadable(tx.job(job))) !== undefined
  return isKnown ? ok(stats) : noJob(job)
}
