import { type Execution, ListedExecution } from '../../protocol/messages/executions.ts'
import { type ExecutionState, executionStates } from '../../protocol/states.ts'
import { defined, ok, type Result } from '../../result.ts'
import type { ExecutionFilter, Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { Store } from '../../store/store.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { type Listed, listed } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { executionViewsInParts, largeAtOnce, type ShownExecution } from '../views/execution-view.ts'

/** Bytes of the end of its log that are shown of each execution. */
const shownInList = 400
/** Executions that are looked at together: a database answers their queries in one round trip. */
const atOnce = 50

/** Jobs of which a list says how long their runs usually take. */
const mostUsual = 100

/** The last time that an id can begin with, in milliseconds. */
const latestTime = 2 ** 48 - 1

/** The fields of an execution that a list can be asked for. */
const executionFields = Object.keys(ListedExecution.properties)
/** The fields of a plugin's output, which may be large. */
const leftFields = ['output_properties', 'reporting_records']
/** The fields that are in the row of its log. */
const logFields = ['log', 'output', 'comments', 'status_line']
/** Fields that every item has. */
const shownAlways = ['id', 'problem']

/** The most items of a list that is held in memory as a whole, and the fields without which it is small. */
const mostHeld = 100
const largeFields = [...leftFields, 'output', 'comments']

/** Whether a list is so short that its text may be held in memory as a whole. */
export const isShort = (limit: number, fields: ReadonlySet<string>): boolean =>
  limit <= mostHeld && !largeFields.some(name => fields.has(name))

/** The rows of a page of a list, the latest first. */
export function executionRows(
  tx: Reader,
  filter: ExecutionFilter,
  page: Page,
): Promise<Listed<ShownExecution>> {
  return listed(
    page,
    page => tx.listExecutions(filter, page, unreadable),
    row => row.id,
  )
}

/** Rows that are looked at for one page of a search: it ends earlier than asked where few of them fit. */
const searched = 5000

/** The filters of a list that no index knows. */
export interface Search {
  runner_group?: string
  text?: string
}

/** The same, of the rows that fit a search; a page may be short where `next` says that there is more. */
export async function searchedRows(
  tx: Reader,
  filter: ExecutionFilter,
  page: Page,
  search: Search,
): Promise<Listed<ShownExecution>> {
  const items: ShownExecution[] = []
  let { after } = page
  for (let looked = 0; looked < searched; looked += 1000) {
    const rows = await executionRows(tx, filter, { limit: 1000, ...defined({ after }) })
    for (const row of rows.items) {
      if (!fits(row, search)) continue
      if (items.length === page.limit) return { items, next: items.at(-1)!.id }
      items.push(row)
    }
    if (rows.next === null) return { items, next: null }
    after = rows.next
  }
  return { items, next: after ?? null }
}

function fits(row: ShownExecution, { runner_group, text }: Search): boolean {
  if ('unreadable' in row) return false
  if (runner_group !== undefined && row.runner_group !== runner_group) return false
  if (text === undefined) return true
  const parts = [row.job_name, row.image, row.node_name, row.reason, row.error_message]
  return parts.some(part => part?.toLowerCase().includes(text.toLowerCase()))
}

/** Parses the states of a list, a text with commas between them; undefined: all. */
export function statesOf(text: string | undefined): Result<ExecutionState[] | undefined, Refusal> {
  if (text === undefined) return ok(undefined)
  const states: ExecutionState[] = []
  for (const word of text.split(',')) {
    const state = executionStates.find(state => state === word)
    if (state === undefined)
      return refuse('malformed', `state ${JSON.stringify(word)} is none of ${executionStates.join(', ')}`)
    states.push(state)
  }
  return ok(states)
}

/**
 * The bounds of the ids that a list is asked for: by the beginning of an id, or by times, since an id begins
 * with the time at which its execution was made. `until` is the first time that is left out.
 */
export function idsOf({
  id_prefix = '',
  since,
  until,
}: {
  id_prefix?: string
  since?: string
  until?: string
}): Result<ExecutionFilter['ids'], Refusal> {
  const first = [filled(id_prefix, '0')]
  const last = [filled(id_prefix, 'f')]
  for (const [name, text] of Object.entries({ since, until })) {
    if (text === undefined) continue
    const at = Date.parse(text)
    if (Number.isNaN(at)) return refuse('malformed', `${name} is not a time`)
    if (name === 'since') first.push(filled(idAt(at), '0'))
    else last.push(filled(idAt(at - 1), 'f'))
  }
  return ok([first.sort().at(-1)!, last.sort()[0]!])
}

/** The beginning of the ids that are made at a time. */
function idAt(time: number): string {
  const digits = Math.min(Math.max(time, 0), latestTime).toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}`
}

/** The least or the greatest text of the shape of an id that begins so. */
const filled = (prefix: string, digit: '0' | 'f'): string =>
  prefix + '00000000-0000-0000-0000-000000000000'.slice(prefix.length).replaceAll('0', digit)

/**
 * Parses the fields of a list, a text with commas between them; without one, all fields but a plugin's
 * output.
 */
export function fieldsOf(text: string | undefined): Result<ReadonlySet<string>, Refusal> {
  if (text === undefined) return ok(new Set(executionFields.filter(name => !leftFields.includes(name))))
  const fields = text.split(',')
  const wrong = fields.find(name => !executionFields.includes(name))
  if (wrong === undefined) return ok(new Set([...fields, ...shownAlways]))
  return refuse(
    'malformed',
    `fields has ${JSON.stringify(wrong)}; an execution has ${executionFields.join(', ')}`,
  )
}

/**
 * The items of a list, a few at a time: each few by a reader of its own, so that nothing of the store is held
 * while somebody reads slowly. Parts that are not among `fields` are not read.
 */
export function listedExecutions(
  store: Pick<Store, 'read'>,
  ctx: Context,
  rows: readonly ShownExecution[],
  fields: ReadonlySet<string>,
): AsyncGenerator<Execution> {
  const left = leftFields.some(name => fields.has(name))
  const detail = {
    log: logFields.some(name => fields.has(name)),
    output: fields.has('output') ? shownInList : 0,
    left,
    usual: { of: 'active' as const, left: fields.has('usual_seconds') ? mostUsual : 0 },
    groups: new Map(),
  }
  return executionViewsInParts(store, ctx, rows, detail, left ? largeAtOnce : atOnce)
}
