/* Executions as operators see them. */

import { outputBounds, parseWithin } from '../protocol/json-bounds.ts'
import { showOutput } from '../protocol/mask-output.ts'
import { type Execution, ListedExecution } from '../protocol/messages.ts'
import { isObject, passwordOutputs } from '../protocol/secrets.ts'
import type { Context } from './context.ts'
import { confidential } from './definitions.ts'
import { hasEnded } from './executions.ts'
import { maskOf } from './log-mask.ts'
import { logOf } from './log-rows.ts'
import { all, failUnlessDamaged, shown, type UnreadableRow, unreadable, whatToDo } from './pages.ts'
import type { DefinitionRow, ExecutionRow, LogRow, Reader, Store } from './store/store.ts'
import { time, timeOrNull } from './times.ts'
import { type Crews, waitingReasons } from './waiting.ts'

/** How much of the end of a log is shown with an execution, in bytes: of one, in a list, and of all that run. */
const shownOfLog = 65_536
const shownInList = 400
const shownOfBusy = 8 * 1024 * 1024
/** How many are looked at together: an engine sends what they ask for in one round trip. */
const atOnce = 50
/** And where each may be large: no more of them lie in memory at once than somebody reads. */
const largeAtOnce = 4

/** What is shown of executions. */
interface Detail {
  /** Bytes of the end of the log. */
  output: number
  /** What a plugin left. */
  left: boolean
  crews: Crews
}
const whole = (): Detail => ({ output: shownOfLog, left: true, crews: new Map() })

type Shown = ExecutionRow | UnreadableRow

export async function executionView(tx: Reader, ctx: Context, row: Shown): Promise<Execution> {
  return (await executionViews(tx, ctx, [row], whole()))[0]!
}

/** Many at once, in their order. What of one of them cannot be shown is said in its `problem`. */
export async function executionViews(
  tx: Reader,
  ctx: Context,
  rows: readonly Shown[],
  detail = whole(),
): Promise<Execution[]> {
  const ended = rows.flatMap(row => ('unreadable' in row || row.result === null ? [] : row.group))
  const definitions = detail.left ? await tx.definitions([...new Set(ended)]) : new Map()
  const waitingBecause = waitingReasons(tx, detail.crews)
  const look = async (row: ExecutionRow): Promise<Execution> => {
    const problems: string[] = []
    const part = async <T>(name: string, otherwise: T, read: () => Promise<T>): Promise<T> => {
      try {
        return await read()
      } catch (error) {
        failUnlessDamaged(error)
        problems.push(name)
        return otherwise
      }
    }
    const log = await part('its log', undefined, () => logOf(tx, row))
    const definition = definitions.get(row.group)
    const view = {
      ...viewOf(row, log),
      output: await part('its output', '', async () =>
        log === undefined || detail.output === 0 ? '' : endOfLog(tx, log, row, detail.output),
      ),
      ...(await part('what it left', noOutput, async () =>
        definition === undefined ? noOutput : outputOf(tx, ctx, row, definition),
      )),
      waiting_because: await part('what it waits for', null, async () =>
        row.state === 'queued' ? waitingBecause(row) : null,
      ),
    }
    return problems.length === 0
      ? view
      : { ...view, problem: `${problems.join(', ')} cannot be shown${whatToDo}` }
  }
  return Promise.all(
    rows.map(row => shown<ExecutionRow, Execution>(row, look, problem => unreadableView(row.id, problem))),
  )
}

/** An execution of which nothing is known but its id, which has the time in it. */
function unreadableView(id: string, problem: string): Execution {
  const at = new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16) || 0)
  const made = time(Number.isNaN(at.getTime()) ? 0 : at.getTime())
  return {
    ...{
      id,
      job_name: null,
      group: id,
      attempt: 1,
      kind: 'command',
      image: '',
      state: 'lost',
      success: null,
    },
    ...{
      created_at: made,
      started_at: null,
      finished_at: made,
      output: '',
      node_name: null,
      runner_id: null,
    },
    ...{
      runner_group: 'default',
      priority: 0,
      exit_code: null,
      reason: 'unreadable',
      error_message: problem,
    },
    ...{ output_properties: null, comments: [], status_line: null, waiting_because: null },
    log: { length: 0, sha256: null, truncated: false, complete: false },
    problem,
  }
}

/** The fields of an execution that a list can be asked for. */
export const executionFields = Object.keys(ListedExecution.properties)
/** Those of what a plugin left, which may be large. */
const leftFields = ['output_properties', 'reporting_records']
const unaskedFields: ReadonlySet<string> = new Set(executionFields.filter(name => !leftFields.includes(name)))

/**
 * The items of a list, a few at a time: each few by a reader of its own, so that nothing of the store is held while
 * somebody reads slowly. Without `fields` all is shown but what a plugin left.
 */
export async function* listedExecutions(
  store: Pick<Store, 'read'>,
  ctx: Context,
  rows: readonly Shown[],
  fields?: ReadonlySet<string>,
): AsyncGenerator<Partial<Execution>> {
  const wanted = fields ?? unaskedFields
  const left = leftFields.some(name => wanted.has(name))
  const detail = { output: wanted.has('output') ? shownInList : 0, left, crews: new Map() }
  for await (const view of inParts(store, ctx, rows, detail, left ? largeAtOnce : atOnce))
    yield Object.fromEntries(
      Object.entries(view).filter(([name]) => name === 'id' || name === 'problem' || wanted.has(name)),
    )
}

async function* inParts(
  store: Pick<Store, 'read'>,
  ctx: Context,
  rows: readonly Shown[],
  detail: Detail,
  count: number,
): AsyncGenerator<Execution> {
  for (let from = 0; from < rows.length; from += count)
    yield* await store.read(tx => executionViews(tx, ctx, rows.slice(from, from + count), detail))
}

/** What is shown of an execution that has just been made: nothing else in the store is looked at. */
export function newView(row: ExecutionRow): Execution {
  const waiting_because = row.state === 'queued' ? 'it was queued just now' : null
  return { ...viewOf(row, undefined), output: '', output_properties: null, waiting_because }
}

/** The rows of what runs right now. */
export async function busyRows(tx: Reader): Promise<Shown[]> {
  const rows: Shown[] = []
  const running = all(page => tx.listExecutions({ states: ['running', 'aborting'] }, page, unreadable))
  for await (const row of running) rows.push(row)
  return rows
}

/** What runs right now, with its output so far: where there is too much of it, each shows less. */
export function busy(
  store: Pick<Store, 'read'>,
  ctx: Context,
  rows: readonly Shown[],
): AsyncGenerator<Execution> {
  const output = Math.min(shownOfLog, Math.floor(shownOfBusy / Math.max(1, rows.length)))
  return inParts(store, ctx, rows, { ...whole(), output }, largeAtOnce)
}

function viewOf(
  row: ExecutionRow,
  log: LogRow | undefined,
): Omit<Execution, 'output' | 'output_properties' | 'waiting_because'> {
  return {
    id: row.id,
    job_name: row.job_name,
    group: row.group,
    attempt: row.attempt,
    kind: row.kind,
    image: row.image,
    state: row.state,
    success: hasEnded(row) ? row.state === 'succeeded' : null,
    created_at: time(row.created_at),
    started_at: timeOrNull(row.started_at),
    finished_at: timeOrNull(row.finished_at),
    node_name: row.node_name,
    runner_id: row.runner_id,
    runner_group: row.runner_group,
    priority: row.priority,
    exit_code: row.exit_code,
    reason: row.reason,
    error_message: row.error_message,
    comments: log?.comments ?? [],
    status_line: log?.status_line ?? null,
    log: {
      length: log?.length ?? 0,
      sha256: log?.final_sha256 ?? null,
      truncated: log !== undefined && log.head !== null,
      complete: log?.complete ?? false,
    },
  }
}

/** The last bytes of a log as text that begins and, as long as more may come, ends with a whole character. */
async function endOfLog(tx: Reader, log: LogRow, row: ExecutionRow, shown: number): Promise<string> {
  const from = Math.max(log.length - shown, log.tail ?? 0)
  const parts: Buffer[] = []
  for (let offset = from; offset < log.length; offset += parts.at(-1)!.length) {
    const bytes = await tx.readLog(row.id, offset, log.length - offset)
    if (bytes.length === 0) break
    parts.push(bytes)
  }
  const bytes = Buffer.concat(parts)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return decoder.decode(from === 0 ? bytes : bytes.subarray(continued(bytes)), { stream: !hasEnded(row) })
}

/** How many bytes at the beginning belong to a character whose first byte is missing. */
function continued(bytes: Buffer): number {
  let count = 0
  while (count < 3 && count < bytes.length && (bytes[count]! & 0xc0) === 0x80) count++
  return count
}

type OutputView = Pick<Execution, 'output_properties' | 'reporting_records'>

const noOutput: OutputView = { output_properties: null }

/**
 * What a plugin left. The outputs that its input calls passwords are not shown, and secrets in the others are masked once
 * more: a runner of an earlier release has not done it.
 */
async function outputOf(
  tx: Reader,
  ctx: Context,
  row: ExecutionRow,
  definition: DefinitionRow,
): Promise<OutputView> {
  const sealed = await tx.output(row.id)
  const output = sealed === undefined ? undefined : parsed(ctx.keys.openAtRest(sealed))
  if (!isObject(output)) return noOutput
  const { input } = confidential(definition, ctx.keys)
  const { mask } = await maskOf(tx, ctx, row.group)
  const { outputProperties, reportingRecords } = await showOutput<Output>(
    { outputProperties: output.outputProperties, reportingRecords: output.reportingRecords },
    input === undefined ? new Set() : passwordOutputs(input),
    mask,
  )
  return {
    output_properties: isObject(outputProperties) ? outputProperties : null,
    ...(Array.isArray(reportingRecords) && reportingRecords.length > 0
      ? { reporting_records: reportingRecords }
      : {}),
  }
}

interface Output {
  outputProperties: unknown
  reportingRecords: unknown
}

/** What a plugin leaves can be anything. Throws where an older release has taken more than can be shown. */
function parsed(text: string): unknown {
  const output = parseWithin(Buffer.from(text), outputBounds)
  if (output.ok) return output.value
  if (output.failure.tooMuch) throw new Error(`the output ${output.failure.detail}`)
  return undefined
}
