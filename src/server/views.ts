/* Executions as operators see them. */
import { parseJson } from '../protocol/exact-json.ts'
import { showOutput } from '../protocol/mask-output.ts'
import type { Execution } from '../protocol/messages.ts'
import { isObject, passwordOutputs } from '../protocol/secrets.ts'
import type { Context } from './context.ts'
import { confidential } from './definitions.ts'
import { hasEnded } from './executions.ts'
import { maskOf } from './log-mask.ts'
import { logOf } from './log-rows.ts'
import { all } from './pages.ts'
import type { DefinitionRow, ExecutionRow, LogRow, Reader } from './store/store.ts'
import { time, timeOrNull } from './times.ts'
import { waitingReasons } from './waiting.ts'

/** How much of the end of a log is shown with an execution, in bytes. */
const shownOfLog = 65_536
/** And of all logs in one answer: where it has more than a thousand executions, each of them shows less. */
const shownOfLogs = 1024 * shownOfLog
/** How many are looked at together: an engine sends what they ask for in one round trip. */
const atOnce = 50

export async function executionView(tx: Reader, ctx: Context, row: ExecutionRow): Promise<Execution> {
  return (await executionViews(tx, ctx, [row]))[0]!
}

/** Many at once, in their order. */
export async function executionViews(
  tx: Reader,
  ctx: Context,
  rows: readonly ExecutionRow[],
): Promise<Execution[]> {
  const ended = rows.filter(row => row.result !== null).map(row => row.group)
  const definitions = await tx.definitions([...new Set(ended)])
  const shown = Math.min(shownOfLog, Math.floor(shownOfLogs / rows.length))
  const waitingBecause = waitingReasons(tx)
  const look = async (row: ExecutionRow): Promise<Execution> => {
    const log = await logOf(tx, row)
    const definition = definitions.get(row.group)
    return {
      ...viewOf(row, log),
      output: log === undefined ? '' : await endOfLog(tx, log, row, shown),
      ...(definition === undefined ? noOutput : await outputOf(tx, ctx, row, definition)),
      waiting_because: row.state === 'queued' ? await waitingBecause(row) : null,
    }
  }
  const views: Execution[] = []
  for (let from = 0; from < rows.length; from += atOnce)
    views.push(...(await Promise.all(rows.slice(from, from + atOnce).map(look))))
  return views
}

/** What is shown of an execution that has just been made: nothing else in the store is looked at. */
export function newView(row: ExecutionRow): Execution {
  const waiting_because = row.state === 'queued' ? 'it was queued just now' : null
  return { ...viewOf(row, undefined), output: '', output_properties: null, waiting_because }
}

/** What runs right now, with its output so far. */
export async function busy(tx: Reader, ctx: Context): Promise<Execution[]> {
  const rows: ExecutionRow[] = []
  const running = all(page => tx.listExecutions({ states: ['running', 'aborting'] }, page))
  for await (const row of running) rows.push(row)
  return executionViews(tx, ctx, rows)
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
  const { outputProperties, reportingRecords } = showOutput<Output>(
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

/** What a plugin leaves can be anything. */
function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
