import type { PullProgress } from '../remote/executors/images.ts'
import type { JobEnd } from '../remote/spool.ts'

/** What stands for a password. */
const hidden = '********'

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`

/** How far a pull is, on one line. */
export function pullText({ image, layers, layers_done, bytes, bytes_known }: PullProgress): string {
  return `pulling ${image}: ${layers_done} of ${layers} layers, ${megabytes(bytes)} of ${megabytes(bytes_known)}`
}

/** The outputs as they may be shown. */
export function shownOutputs(end: JobEnd, passwords: ReadonlySet<string>): Record<string, unknown> {
  const outputs = Object.entries(end.output?.outputProperties ?? {})
  return Object.fromEntries(
    outputs.map(([name, value]) => [name, passwords.has(name) && value !== null ? hidden : value]),
  )
}

/** How a job ended, in lines: its status line, its outputs, and the verdict. */
export function endLines(
  end: JobEnd,
  passwords: ReadonlySet<string>,
  statusLine: string | undefined,
): string[] {
  const took = seconds(Date.parse(end.finished_at) - Date.parse(end.started_at))
  const outputs = Object.entries(shownOutputs(end, passwords))
  const width = Math.max(0, ...outputs.map(([name]) => name.length))
  const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const records = end.output?.reportingRecords?.length ?? 0
  const why = end.error_message ?? end.reason
  return [
    ...(statusLine === undefined ? [] : [`status line: ${statusLine}`]),
    ...(outputs.length === 0 ? [] : ['outputs:']),
    ...outputs.map(([name, value]) => `  ${name.padEnd(width)} = ${shown(value)}`),
    ...(records === 0 ? [] : [`${records} reporting record${records === 1 ? '' : 's'}`]),
    end.outcome === 'succeeded'
      ? `succeeded in ${took}`
      : `${end.outcome} after ${took}${end.outcome === 'aborted' && end.error_message === null ? '' : `: ${why}`}`,
  ]
}
