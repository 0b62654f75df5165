import type { JobSummary } from '../../protocol/messages/stats.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, jobKey, nameOfKey } from '../../store/rows.ts'
import type { Context } from '../rules/context.ts'
import { type Rights, reaches } from '../rules/rights.ts'
import { listedStatsOf } from '../state/job-stats.ts'
import type { Listed } from '../state/pages.ts'
import { pausedIn } from '../state/schedules.ts'
import { ifReadable, readable, type UnreadableRow } from '../state/unreadable.ts'
import { scheduleView } from '../views/schedule-view.ts'
import { showRow } from '../views/shown.ts'

/**
 * The jobs that may be seen and of one name, or whose names contain a text, in pages by name and then
 * namespace, with what is known of their runs. `after` is a key of a job (`jobKey`).
 */
export async function listJobStats(
  tx: Reader,
  ctx: Context,
  rights: Rights,
  { text = '', job }: { text?: string; job?: string },
  { limit, after }: Page,
): Promise<Listed<JobSummary>> {
  const wanted = text.toLowerCase()
  const found = (await tx.jobKeys())
    .filter(key => {
      const { name, namespace } = nameOfKey(key)
      const fits = name.toLowerCase().includes(wanted) && (job === undefined || name === job)
      return fits && reaches(rights, namespace) && (after === undefined || byName(after, key) < 0)
    })
    .toSorted(byName)
  const keys = found.slice(0, limit)
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
  const rows = await Promise.all(keys.map(key => readable(tx.job(nameOfKey(key)), key)))
  const items = rows
    .filter(row => row !== undefined)
    .map(row => showRow<JobRow, JobSummary>(row, show, problem => unknown(row, problem)))
  return { items: await Promise.all(items), next: found.length > limit ? keys.at(-1)! : null }
}

/** Compares keys of jobs by name, and then by namespace. */
function byName(one: string, other: string): number {
  const [first, second] = [nameOfKey(one), nameOfKey(other)]
  if (first.name !== second.name) return first.name < second.name ? -1 : 1
  return first.namespace < second.namespace ? -1 : Number(first.namespace > second.namespace)
}

const keyOf = (row: JobRow | UnreadableRow): string => ('unreadable' in row ? row.id : jobKey(row))

/** The summary of a job whose definition cannot be read. */
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
