import { type Mask, maskBytes } from '../protocol/mask.ts'
import type { PullProgress } from '../remote/executors/images.ts'
import type { OutputContext } from '../remote/plugin.ts'
import type { JobEnd } from '../remote/spool.ts'
import { outputLines, textLines } from './executions.ts'

/** What stands for a password. */
const hidden = '********'

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`

/** How far a pull is, on one line. */
export function pullText({ image, layers, layers_done, bytes, bytes_known }: PullProgress): string {
  return `pulling ${image}: ${layers_done} of ${layers} layers, ${megabytes(bytes)} of ${megabytes(bytes_known)}`
}

/** An output as it may be shown: its passwords hidden, and all else masked. */
export function shownOutput(
  output: OutputContext,
  passwords: ReadonlySet<string>,
  mask: Mask,
): OutputContext {
  const properties = Object.entries(output.outputProperties).map(([name, value]) => [
    name,
    passwords.has(name) && value !== null ? hidden : value,
  ])
  const shown = (_: string, value: unknown) => {
    if (typeof value !== 'string' && typeof value !== 'number') return value
    const text = String(value)
    const masked = Buffer.from(maskBytes(Buffer.from(text), mask)).toString()
    return masked === text ? value : masked
  }
  return JSON.parse(JSON.stringify({ ...output, outputProperties: Object.fromEntries(properties) }), shown)
}

/** How a job ended whose output may be shown as it is: its status line, its outputs, and the verdict. */
export function endedLines(end: JobEnd, statusLine: string | undefined): string[] {
  const took = seconds(Date.parse(end.finished_at) - Date.parse(end.started_at))
  const records = end.output?.reportingRecords?.length ?? 0
  const why = end.outcome === 'aborted' ? end.error_message : (end.error_message ?? end.reason)
  return [
    ...outputLines({
      status_line: statusLine ?? null,
      output_properties: end.output?.outputProperties ?? null,
    }),
    ...(records === 0 ? [] : [`${records} reporting record${records === 1 ? '' : 's'}`]),
    ...(end.outcome === 'succeeded'
      ? [`succeeded in ${took}`]
      : textLines(`${end.outcome} after ${took}${why === null ? '' : ': '}`, why ?? '')),
  ]
}
