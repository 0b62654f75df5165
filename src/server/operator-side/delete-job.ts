import { ok, type Result } from '../../result.ts'
import type { JobName } from '../../store/filters.ts'
import { jobKey } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { noJob } from '../rules/absent.ts'
import type { Refusal } from '../rules/refusal.ts'

/** Removes a definition; its executions have their own copies. */
export async function deleteJob(tx: Writer, job: JobName): Promise<Result<void, Refusal>> {
  await tx.deleteSchedule(jobKey(job))
  return (await tx.deleteJob(job)) ? ok(undefined) : noJob(job)
}
