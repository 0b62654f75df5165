/* Executions as operators see them. */

import type { Execution } from '../../protocol/messages/executions.ts'
import type { Moment, Reader } from '../../store/reader.ts'
import type { ExecutionRow, LogRow } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import type { Context } from '../rules/context.ts'
import { logOf } from '../rules/log-row.ts'
import { time, timeOrNull } from '../rules/times.ts'
import { hasEnded } from '../rules/transitions.ts'
import type { Made } from '../state/idempotency.ts'
import { usualSeconds } from '../state/job-stats.ts'
import { queueReasons, type RunnersByGroup, waitText } from '../state/queue-reason.ts'
import { failUnlessDamaged, type UnreadableRow } from '../state/unreadable.ts'
import { endOfLog } from './log-end.ts'
import { noOutput, outputOf } from './output-view.ts'
import { showRow, whatToDo } from './shown.ts'

/** Bytes of the end of its log that are shown with one execution. */
export const shownOfLog = 65_536

/** For large items: no more of them are in memory at once than the reader takes. */
export const largeAtOnce = 4

/** The parts of executions that are shown. */
interface Detail {
  /** Whether its log is looked at, which has comments and the status line. */
  log: boolean
  /** Bytes of the end of the log. */
  output: number
  /** The output of a plugin. */
  left: boolean
  /**
   * The limit for the usual durations that a list shows: those of at most `left` jobs, of executions that run
   * (`active`) or of all.
   */
  usual: { of: 'active' | 'all'; left: number }
  groups: RunnersByGroup
}

export const fullDetail = (): Detail => ({
  log: true,
  output: shownOfLog,
  left: true,
  usual: { of: 'all', left: 100 },
  groups: new Map(),
})

export type ShownExecution = ExecutionRow | UnreadableRow

export async function executionView(tx: Reader, ctx: Context, row: ShownExecution): Promise<Execution> {
  return (await executionViews(tx, ctx, [row], fullDetail()))[0]!
}

/** Many at once, in their order. The `problem` of one names the parts of it that cannot be shown. */
export async function executionViews(
  tx: Reader,
  ctx: Context,
  rows: readonly ShownExecution[],
  detail = fullDetail(),
): Promise<Execution[]> {
  const ended = rows.flatMap(row => ('unreadable' in row || row.result === null ? [] : row.group))
  const definitions = detail.left ? await tx.definitions([...new Set(ended)]) : new Map()
  const reasonOf = queueReasons(tx, detail.groups)
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
    const log = await part('its log', undefined, async () => (detail.log ? logOf(tx, row) : undefined))
    const definition = definitions.get(row.group)
    const view = {
      ...viewOf(row, log, tx),
      output: await part('its output', '', async () =>
        log === undefined || detail.output === 0 ? '' : endOfLog(tx, log, row, detail.output),
      ),
      ...(await part('what it left', noOutput, async () =>
        definition === undefined ? noOutput : outputOf(tx, ctx, row, definition),
      )),
      usual_seconds: await part('how long it usually takes', null, async () =>
        row.job_name === null || (detail.usual.of === 'active' && hasEnded(row))
          ? null
          : usualSeconds(tx, ctx, { namespace: row.namespace, name: row.job_name }, detail.usual),
      ),
      waiting_because: await part('what it waits for', null, async () =>
        row.state === 'queued' ? reasonOf(row) : getsNoFurther(ctx, row),
      ),
    }
    return problems.length === 0
      ? view
      : { ...view, problem: `${problems.join(', ')} cannot be shown${whatToDo}` }
  }
  return Promise.all(
    rows.map(row => showRow<ExecutionRow, Execution>(row, look, problem => unreadableView(row.id, problem))),
  )
}

/**
 * Why an execution has not started at its runner yet, or why its result is not taken yet; null: nothing is
 * known to wait.
 */
function getsNoFurther({ memory }: Context, row: ExecutionRow): string | null {
  if (hasEnded(row) || row.runner_id === null) return null
  const notStarted = memory.notStarted.get(row.runner_id)?.get(row.id)
  if (notStarted !== undefined) return `it has not started on ${row.node_name} yet: ${notStarted}`
  return memory.waitingResults.get(row.id) ?? null
}

/** The view of an execution of which only the id is known, which has the time in it. */
function unreadableView(id: string, problem: string): Execution {
  const at = new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16) || 0)
  const made = time(Number.isNaN(at.getTime()) ? 0 : at.getTime())
  return {
    id,
    job_name: null,
    group: id,
    attempt: 1,
    kind: 'command',
    image: '',
    state: 'lost',
    success: null,
    created_at: made,
    started_at: null,
    finished_at: made,
    output: '',
    node_name: null,
    runner_id: null,
    runner_group: 'default',
    priority: 0,
    exit_code: null,
    reason: 'unreadable',
    error_message: problem,
    output_properties: null,
    comments: [],
    status_line: null,
    waiting_because: null,
    log: { length: 0, sha256: null, truncated: false, complete: false },
    problem,
  }
}

export async function* executionViewsInParts(
  store: Pick<Store, 'read'>,
  ctx: Context,
  rows: readonly ShownExecution[],
  detail: Detail,
  count: number,
): AsyncGenerator<Execution> {
  for (let from = 0; from < rows.length; from += count)
    yield* await store.read(tx => executionViews(tx, ctx, rows.slice(from, from + count), detail))
}

/** The execution that a call has made, as its answer shows it. */
export async function madeView(tx: Reader, ctx: Context, { row, isNew }: Made): Promise<Execution> {
  return isNew ? newView(row, tx) : executionView(tx, ctx, row)
}

/** The view of an execution that has just been made: it needs nothing else of the store. */
export function newView(row: ExecutionRow, at: Moment): Execution {
  const waiting_because = row.state === 'queued' ? (waitText(row, at) ?? 'it was queued just now') : null
  return { ...viewOf(row, undefined, at), output: '', output_properties: null, waiting_because }
}

function viewOf(
  row: ExecutionRow,
  log: LogRow | undefined,
  { now, watched }: Moment,
): Omit<Execution, 'output' | 'output_properties' | 'waiting_because'> {
  return {
    id: row.id,
    job_name: row.job_name,
    namespace: row.namespace,
    group: row.group,
    attempt: row.attempt,
    kind: row.kind,
    image: row.image,
    image_digest: row.image_digest,
    state: row.state,
    success: hasEnded(row) ? row.state === 'succeeded' : null,
    created_at: time(row.created_at),
    not_before: row.not_before === null ? null : time(now + row.not_before - watched),
    scheduled_for: timeOrNull(row.scheduled_for),
    catch_up: row.catch_up,
    started_at: timeOrNull(row.started_at),
    finished_at: timeOrNull(row.finished_at),
    phases: row.phases,
    resources: row.resources,
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
