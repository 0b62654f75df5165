import type { JobEnd } from '../../remote/job/job.ts'
import { defined } from '../../result.ts'
import { outputLines, textLines } from '../executions.ts'

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`

/**
 * The lines about the end of a job whose output may be shown unmasked: its status line, its outputs, and the
 * verdict.
 */
export function endedLines(end: JobEnd, statusLine: string | undefined): string[] {
  const took = seconds(Date.parse(end.finished_at) - Date.parse(end.started_at))
  const why = end.outcome === 'aborted' ? end.error_message : (end.error_message ?? end.reason)
  return [
    ...outputLines({
      status_line: statusLine ?? null,
      output_properties: end.output?.outputProperties ?? null,
      ...defined({ reporting_records: end.output?.reportingRecords ?? undefined }),
    }),
    ...(end.outcome === 'succeeded'
      ? [`succeeded in ${took}`]
      : textLines(`${end.outcome} after ${took}${why === null ? '' : ': '}`, why ?? '')),
  ]
}
