import type { JobStats } from '../protocol/messages/stats.ts'
import { counted } from '../system/counted.ts'
import { shown } from '../system/printable.ts'
import { columns } from './columns.ts'
import { durationText } from './describe.ts'
import { localTime } from './local-time.ts'
import { shortIds } from './short-ids.ts'

/** The ends of a job's latest runs: a summary, and a line for each of the last ones. */
export function jobStatsText(stats: JobStats): string {
  const { name, runs, succeeded, success_rate, p50_seconds, p95_seconds, last } = stats
  if (runs === 0) return `no run of ${shown(name)} has ended\n`
  const rate = success_rate === null ? '' : ` (${Number((100 * success_rate).toFixed(1))} %)`
  const usually =
    p50_seconds === null || p95_seconds === null
      ? ''
      : `It usually takes ${durationText(p50_seconds)}; ` +
        `95 of 100 runs take at most ${durationText(p95_seconds)}.\n`
  const ids = shortIds(last.map(({ id }) => id))
  const rows = last.map(({ id, state, attempt, finished_at, seconds }) => [
    ids.get(id)!,
    state,
    String(attempt),
    finished_at === null ? '' : localTime(finished_at),
    seconds === null ? '' : durationText(seconds),
  ])
  const table = columns([['execution', 'state', 'attempts', 'ended', 'took'], ...rows])
  const sum = `${succeeded} of the last ${counted(runs, 'run')} of ${shown(name)} succeeded${rate}.`
  return `${sum}\n${usually}\n${table}`
}
