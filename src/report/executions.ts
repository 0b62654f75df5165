import { withoutMarkers } from '../protocol/markers.ts'
import type { Execution, ListedExecution } from '../protocol/messages/executions.ts'
import { missedReasons } from '../protocol/missed-reasons.ts'
import { counted } from '../system/counted.ts'
import { harmless, jsonText, shown } from '../system/printable.ts'
import { columns } from './columns.ts'
import { durationText } from './describe.ts'
import { localTime } from './local-time.ts'
import { shortIds } from './short-ids.ts'

/** Executions as a table. */
export function executionsText(executions: readonly ListedExecution[], now: Date): string {
  if (executions.length === 0) return 'no executions\n'
  const ids = shortIds(executions.map(({ id }) => id))
  const rows = executions.map(execution => [
    ids.get(execution.id)!,
    executionName(execution),
    stateOf(execution),
    localTime(execution.created_at),
    took(execution, now),
    execution.node_name ?? '',
    joined(lateness(execution), why(execution)),
  ])
  return columns([['execution', 'job', 'state', 'made', 'took', 'node', 'why'], ...rows])
}

/** The executions that run, with the last line of their output, and those that wait, with the reason. */
export function activeText(executions: readonly ListedExecution[], now: Date): string {
  if (executions.length === 0) return 'nothing runs or waits; `runner ps --all` lists what has ended\n'
  // A column that says nothing is left out.
  const known = executions.some(execution => usually(execution) !== '')
  const ids = shortIds(executions.map(({ id }) => id))
  const rows = executions.map(execution => [
    ids.get(execution.id)!,
    executionName(execution),
    stateOf(execution),
    execution.node_name ?? '',
    took(execution, now),
    ...(known ? [usually(execution)] : []),
    joined(lateness(execution), why(execution) || (execution.status_line ?? lastLine(execution.output))),
  ])
  const usual = known ? ['usually'] : []
  return columns([['execution', 'job', 'state', 'node', 'for', ...usual, 'says'], ...rows])
}

/** The executions that run, each with the last line of its output. */
export function busyText(executions: readonly ListedExecution[], now: Date): string {
  if (executions.length === 0) return 'nothing runs\n'
  const ids = shortIds(executions.map(({ id }) => id))
  const rows = executions.map(execution => [
    ids.get(execution.id)!,
    executionName(execution),
    execution.node_name ?? '',
    took(execution, now),
    execution.status_line ?? lastLine(execution.output),
  ])
  return columns([['execution', 'job', 'node', 'for', 'says'], ...rows])
}

/** One execution without its log. */
export function executionText(execution: Execution, now: Date): string {
  const { log } = execution
  const dropped = log.truncated ? ', of which head and tail are kept' : ''
  const facts: [name: string, value: string | null][] = [
    ['execution', execution.id],
    ['job', execution.job_name],
    ['image', execution.image],
    ['image digest', execution.image_digest ?? null],
    ['state', stateOf(execution)],
    ['why', why(execution) || null],
    ['attempt', `${execution.attempt}${execution.group === execution.id ? '' : ` of ${execution.group}`}`],
    ['node', execution.node_name],
    ['group', execution.runner_group],
    ['scheduled for', dueText(execution)],
    ['made', localTime(execution.created_at)],
    ['started', execution.started_at && localTime(execution.started_at)],
    ['took', took(execution, now) || null],
    ['usually', usually(execution) || null],
    ['phases', phasesText(execution.phases)],
    ['used', resourcesText(execution.resources)],
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
    ['log', `${counted(log.length, 'byte')}${dropped}${log.complete ? '' : ', not complete'}`],
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

/** The results of an execution beside its log: its status line, its outputs and its reporting records. */
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

/** The lines about the end of an execution. */
export function endLines(execution: Execution): string[] {
  const reason = why(execution)
  const head = `${shown(executionName(execution))}: ${stateOf(execution)}`
  const id = ` (execution ${execution.id})`
  return reason === '' ? [head + id] : textLines(`${head}: `, reason + id)
}

/** A text of a job after a head, in lines that cannot be taken for runner's own. */
export function textLines(head: string, text: string): string[] {
  const [first, ...more] = harmless(text).replace(/\n$/, '').split('\n')
  return [head + first, ...more.map(line => ' '.repeat(head.length) + line)]
}

const executionName = ({ job_name, image }: ListedExecution): string => job_name ?? image

function stateOf({ state, exit_code, finished_at }: ListedExecution): string {
  if (state === 'failed' && exit_code !== null) return `failed with ${exit_code}`
  return state === 'lost' && finished_at === null ? 'lost, for now' : state
}

function why({ waiting_because, error_message, reason, state }: ListedExecution): string {
  if (state === 'queued' || waiting_because !== null) return waiting_because ?? ''
  return error_message ?? (reason === null || reason === state ? '' : reason.replaceAll('-', ' '))
}

/** The text about a run that its schedule has started late: its due time, and the reason. */
const lateness = (execution: ListedExecution): string =>
  execution.catch_up ? `scheduled for ${dueText(execution)}` : ''

/** When a run of a schedule was due, and why it is late: `02:30, 6 h 12 min late: no server ran`. */
function dueText({ scheduled_for, catch_up, created_at, attempt }: ListedExecution): string | null {
  if (!scheduled_for) return null
  const due = timeOn(scheduled_for, created_at)
  if (!catch_up) return due
  // Further attempts are made later, whatever the first one was.
  const seconds = (Date.parse(created_at) - Date.parse(scheduled_for)) / 1000
  const late = attempt === 1 ? `${durationText(Math.max(0, seconds))} late` : 'late'
  return `${due}, ${late}: ${missedReasons[catch_up]}`
}

/** `02:30`, with the day where another time is on another one. */
function timeOn(at: string, other: string): string {
  const [day, clock] = localTime(at).split(' ') as [string, string]
  return `${localTime(other).startsWith(day) ? '' : `${day} `}${clock.replace(/:00$/, '')}`
}

const joined = (...parts: readonly string[]): string => parts.filter(part => part !== '').join('; ')

function took({ started_at, finished_at }: ListedExecution, now: Date): string {
  if (started_at === null) return ''
  const end = finished_at === null ? now.getTime() : Date.parse(finished_at)
  return durationText(Math.max(0, (end - Date.parse(started_at)) / 1000))
}

/** The text about the usual duration of the job's runs. */
const usually = ({ usual_seconds }: Pick<Execution, 'usual_seconds'>): string =>
  usual_seconds == null ? '' : durationText(usual_seconds)

/** `queued 1.2s, image 3.0s, run 1m 5s`; null: nothing is known of them. */
function phasesText(phases: Execution['phases']): string | null {
  const { queued, image, start, run, result } = phases ?? {}
  const texts = Object.entries({ queued, image, start, run, result })
    .filter((phase): phase is [string, number] => phase[1] !== undefined)
    .map(([name, seconds]) => `${name} ${durationText(seconds)}`)
  return texts.length === 0 ? null : texts.join(', ')
}

function resourcesText(resources: Execution['resources']): string | null {
  const { cpu_seconds, peak_memory_bytes } = resources ?? {}
  const texts = [
    ...(cpu_seconds === undefined ? [] : [`${durationText(cpu_seconds)} of processors`]),
    ...(peak_memory_bytes === undefined ? [] : [`at most ${bytesText(peak_memory_bytes)} of memory`]),
  ]
  return texts.length === 0 ? null : texts.join(', ')
}

/** `512 bytes`, `210 MB`. */
function bytesText(bytes: number): string {
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), byteUnits.length)
  if (step === 0) return counted(bytes, 'byte')
  return `${Number((bytes / 1000 ** step).toPrecision(3))} ${byteUnits[step - 1]}`
}

const byteUnits = ['kB', 'MB', 'GB', 'TB']

function lastLine(output: string): string {
  return withoutMarkers(output).trimEnd().split('\n').at(-1)!.slice(-1000)
}
