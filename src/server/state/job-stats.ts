/* The statistics of a job, from its latest executions. */
import type { JobStats } from '../../protocol/messages/stats.ts'
import { countedOfJob, listedOfJob } from '../../protocol/messages/stats.ts'
import type { JobName } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type ExecutionRow, jobKey } from '../../store/rows.ts'
import type { Context } from '../rules/context.ts'
import { timeOrNull } from '../rules/times.ts'
import { hasEnded } from '../rules/transitions.ts'

/** Milliseconds for which the usual duration of a job is remembered. */
const rememberedFor = 60_000
/** Jobs whose usual duration is remembered; beyond this number all are forgotten. */
const mostRemembered = 10_000
/**
 * Executions of a job that tell how long its runs usually take: fewer than for its statistics, since a list
 * asks for many jobs.
 */
const executionsForUsual = 60

/** The statistics of a job, from all executions that count for it. */
export async function statsOfJob(tx: Reader, job: JobName): Promise<JobStats> {
  return statsFrom(job, await latestOf(tx, job, countedOfJob.executions))
}

/** The same for a list of jobs, from fewer executions, with how many of them have not ended. */
export async function listedStatsOf(tx: Reader, job: JobName): Promise<JobStats & { active: number }> {
  const rows = await latestOf(tx, job, listedOfJob)
  return { ...statsFrom(job, rows), active: rows.filter(row => !hasEnded(row)).length }
}

function statsFrom(job: JobName, rows: readonly ExecutionRow[]): JobStats {
  const runs = endedAmong(rows)
  const succeeded = runs.filter(({ state }) => state === 'succeeded')
  const judged = runs.filter(({ state }) => state !== 'aborted')
  const durations = sortedDurations(succeeded)
  return {
    ...job,
    runs: runs.length,
    succeeded: succeeded.length,
    success_rate: judged.length === 0 ? null : succeeded.length / judged.length,
    p50_seconds: percentile(durations, 0.5),
    p95_seconds: percentile(durations, 0.95),
    last: runs.slice(0, countedOfJob.shown).map(row => ({
      id: row.id,
      group: row.group,
      attempt: row.attempt,
      state: row.state,
      finished_at: timeOrNull(row.finished_at),
      seconds: secondsOf(row),
    })),
  }
}

/**
 * The usual duration of successful runs of a job, which half of them do not exceed; null: not known. The
 * value may be a minute old. `budget`: the number of jobs for which the store may still be asked; the
 * durations of further jobs count as not known.
 */
export async function usualSeconds(
  tx: Reader,
  { memory }: Context,
  job: JobName,
  budget: { left: number },
): Promise<number | null> {
  const key = jobKey(job)
  const { usual } = memory
  const known = usual.get(key)
  if (known !== undefined && Math.abs(tx.now - known.at) < rememberedFor) return known.seconds
  if (budget.left <= 0) return known?.seconds ?? null
  budget.left--
  if (usual.size >= mostRemembered) usual.clear()
  const runs = endedAmong(await latestOf(tx, job, executionsForUsual))
  const seconds = percentile(sortedDurations(runs.filter(({ state }) => state === 'succeeded')), 0.5)
  usual.set(key, { at: tx.now, seconds })
  return seconds
}

const latestOf = (tx: Reader, { namespace, name }: JobName, limit: number): Promise<ExecutionRow[]> =>
  tx.listExecutions({ job_name: name, namespaces: [namespace] }, { limit })

/** The last attempts of the runs that have ended, the latest first. */
function endedAmong(rows: readonly ExecutionRow[]): ExecutionRow[] {
  // The latest attempt of a run comes first. One that was withdrawn says nothing: an earlier one came back.
  const latest = new Map<string, ExecutionRow>()
  for (const row of rows) if (row.state !== 'withdrawn' && !latest.has(row.group)) latest.set(row.group, row)
  return [...latest.values()].filter(hasEnded).slice(0, countedOfJob.runs)
}

const secondsOf = ({ started_at, finished_at }: ExecutionRow): number | null =>
  started_at === null || finished_at === null ? null : Math.max(0, finished_at - started_at) / 1000

const sortedDurations = (rows: readonly ExecutionRow[]): number[] =>
  rows
    .map(secondsOf)
    .filter(seconds => seconds !== null)
    .toSorted((a, b) => a - b)

/** The least of sorted numbers that this share of them does not exceed; null of none. */
export const percentile = (sorted: readonly number[], share: number): number | null =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null
