import type { JobSummary } from '../../protocol/messages/stats.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, jobKey, nameOfKey } from '../../store/rows.ts'
import type { Context } from '../rules/context.ts'
import type { Rights } from '../rules/rights.ts'
import { listedStatsOf } from '../state/job-stats.ts'
import type { Listed } from '../state/pages.ts'
import { pausedIn } from '../state/schedules.ts'
import { ifReadable, type UnreadableRow } from '../state/unreadable.ts'
import { scheduleView } from '../views/schedule-view.ts'
import { showRow } from '../views/shown.ts'
import { jobRows } from './list-jobs.ts'

/**
 * The jobs that may be seen and of one name, or whose names contain a text, in pages by their keys, with what
 * is known of their runs.
 */
export async function listJobStats(
  tx: Reader,
  ctx: Context,
  rights: Rights,
  { text = '', job }: { text?: string; job?: string },
  { limit, after = '' }: Page,
): Promise<Listed<JobSummary>> {
  const wanted = text.toLowerCase()
  const found = (await jobRows(tx, rights))
    .filter(row => {
      const key = keyOf(row)
      const { name } = nameOfKey(key)
      return key > after && name.toLowerCase().includes(wanted) && (job === undefined || name === job)
    })
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1))
  const rows = found.slice(0, limit)
  const paused = await pausedIn(tx)
  const show = async (row: JobRow): Promise<JobSummary> => {
    const schedule = row.body.schedule ? await ifReadable(tx.schedule(jobKey(row))) : undefined
    return {
      ...(await listedStatsOf(tx, { namespace: row.namespace, name: row.name })),
      image: row.body.image,
      runner_group: row.body.runner_group ?? 'default',
      schedule: schedule === undefined ? null : scheduleView(ctx, schedule, row, paused),
    }
  }
  const items = rows.map(row => showRow<JobRow, JobSummary>(row, show, problem => unknown(row, problem)))
  return { items: await Promise.all(items), next: found.length > limit ? keyOf(rows.at(-1)!) : null }
}

const keyOf = (row: JobRow | UnreadableRow): string => ('unreadable' in row ? row.id : jobKey(row))

/** What is shown of a job whose definition cannot be read. */
const unknown = (row: JobRow | UnreadableRow, problem: string): JobSummary => ({
  ...nameOfKey(keyOf(row)),
  runs: 0,
  succeeded: 0,
  success_rate: null,
  p50_seconds: null,
  p95_seconds: null,
  last: [],
  image: '',
  runner_group: 'default',
  schedule: null,
  active: 0,
  problem,
})
