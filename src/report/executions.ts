import { harmless, jsonText, shown } from '../process/printable.ts'
import { withoutMarkers } from '../protocol/markers.ts'
import type { Execution, ListedExecution } from '../protocol/messages.ts'
import { columns } from './columns.ts'
import { seconds } from './describe.ts'
import { localTime } from './history.ts'

/** Executions as a table. */
export function executionsText(executions: readonly ListedExecution[], now: Date, width?: number): string {
  if (executions.length === 0) return 'no executions\n'
  const rows = executions.map(execution => [
    execution.id,
    nameOf(execution),
    stateOf(execution),
    localTime(execution.created_at),
    took(execution, now),
    execution.node_name ?? '',
    why(execution),
  ])
  return columns([['execution', 'job', 'state', 'made', 'took', 'runner', ''], ...rows], width)
}

/** What runs right now, with the last line of what it wrote. */
export function busyText(executions: readonly ListedExecution[], now: Date, width?: number): string {
  if (executions.length === 0) return 'nothing runs\n'
  const rows = executions.map(execution => [
    execution.id,
    nameOf(execution),
    execution.node_name ?? '',
    took(execution, now),
    execution.status_line ?? lastLine(execution.output),
  ])
  return columns([['execution', 'job', 'runner', 'for', 'says'], ...rows], width)
}

/** All of one execution but its log. */
export function executionText(execution: Execution, now: Date): string {
  const { log } = execution
  const dropped = log.truncated ? ', of which head and tail are kept' : ''
  const facts: [name: string, value: string | null][] = [
    ['execution', execution.id],
    ['job', execution.job_name],
    ['image', execution.image],
    ['state', stateOf(execution)],
    ['why', why(execution) || null],
    ['attempt', `${execution.attempt}${execution.group === execution.id ? '' : ` of ${execution.group}`}`],
    ['runner', execution.node_name],
    ['group', execution.runner_group],
    ['made', localTime(execution.created_at)],
    ['started', execution.started_at && localTime(execution.started_at)],
    ['took', took(execution, now) || null],
    ['exit status', execution.exit_code === null ? null : String(execution.exit_code)],
    ['status line', execution.status_line],
    ...execution.comments.map((comment): [string, string] => ['comment', comment]),
    ...Object.entries(execution.output_properties ?? {}).map(([name, value]): [string, string] => [
      `output ${shown(name)}`,
      typeof value === 'string' ? value : jsonText(value),
    ]),
    ...(execution.reporting_records ?? []).map((record): [string, string] => [
      'reporting record',
      JSON.stringify(record),
    ]),
    ['log', `${log.length} bytes${dropped}${log.complete ? '' : ', not complete'}`],
  ]
  const given = facts.filter((fact): fact is [string, string] => fact[1] !== null)
  const indent = Math.max(...given.map(([name]) => name.length)) + 2
  return given
    .map(
      ([name, value]) =>
        `${name.padEnd(indent)}${harmless(value).replaceAll('\n', `\n${' '.repeat(indent)}`)}\n`,
    )
    .join('')
}

/** What an execution has left beside its log: its status line, its outputs and its reporting records. */
export function outputLines({
  status_line,
  output_properties,
  reporting_records = [],
}: Pick<Execution, 'status_line' | 'output_properties' | 'reporting_records'>): string[] {
  const outputs = Object.entries(output_properties ?? {}).map(
    ([name, value]) => [shown(name), typeof value === 'string' ? value : jsonText(value)] as const,
  )
  const width = Math.max(0, ...outputs.map(([name]) => name.length))
  return [
    ...(status_line === null ? [] : textLines('status line: ', status_line)),
    ...(outputs.length === 0 ? [] : ['outputs:']),
    ...outputs.flatMap(([name, value]) => textLines(`  ${name.padEnd(width)} = `, value)),
    ...(reporting_records.length === 0 ? [] : ['reporting records:']),
    ...reporting_records.flatMap(record => textLines('  ', JSON.stringify(record))),
  ]
}

/** How an execution ended. */
export function endLines(execution: Execution): string[] {
  const reason = why(execution)
  const head = `${shown(nameOf(execution))}: ${stateOf(execution)}`
  const id = ` (execution ${execution.id})`
  return reason === '' ? [head + id] : textLines(`${head}: `, reason + id)
}

/** What a job has said behind a head, in lines of which none passes for one of runner's own. */
export function textLines(head: string, text: string): string[] {
  const [first, ...more] = harmless(text).replace(/\n$/, '').split('\n')
  return [head + first, ...more.map(line => ' '.repeat(head.length) + line)]
}

export const nameOf = ({ job_name, image }: ListedExecution): string => job_name ?? image

function stateOf({ state, exit_code, finished_at }: ListedExecution): string {
  if (state === 'failed' && exit_code !== null) return `failed with ${exit_code}`
  return state === 'lost' && finished_at === null ? 'lost, for now' : state
}

function why({ waiting_because, error_message, reason, state }: ListedExecution): string {
  if (state === 'queued') return waiting_because ?? ''
  return error_message ?? (reason === null || reason === state ? '' : reason.replaceAll('-', ' '))
}

function took({ started_at, finished_at }: ListedExecution, now: Date): string {
  if (started_at === null) return ''
  const end = finished_at === null ? now.getTime() : Date.parse(finished_at)
  return seconds(Math.max(0, (end - Date.parse(started_at)) / 1000))
}

function lastLine(output: string): string {
  return withoutMarkers(output).trimEnd().split('\n').at(-1)!.slice(-1000)
}
