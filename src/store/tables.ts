/*
 * The tables as both engines have them: beside the columns that are searched, the whole row as JSON in
 * `body`, with its format: the version of the store for which it was written (migrations.ts). A column that
 * statements change by themselves counts more than the same field in `body` (`kept`). row-encoding.ts makes
 * the columns of a row, and reads them.
 */

import { endStates } from '../protocol/states.ts'
import {
  type BrowserCodeRow,
  type BrowserSessionRow,
  browserCodeNeeds,
  browserSessionNeeds,
  codeLasts,
  emptyBrowserSession,
  sessionHolder,
  sessionUntil,
} from './browser-rows.ts'
import { type ChangesRow, changesNeeds } from './change.ts'
import { idempotencyId, numberKey } from './keys.ts'
import { queueOf } from './queue.ts'
import {
  type AuditRow,
  auditNeeds,
  type DefinitionRow,
  type ExecutionRow,
  emptyAudit,
  emptyExecution,
  emptyGroup,
  emptyJob,
  emptyLog,
  emptyToken,
  executionNeeds,
  type GroupRow,
  groupNeeds,
  type IdempotencyRow,
  type JobRow,
  jobKey,
  jobNeeds,
  type LogRow,
  logNeeds,
  type MetaRow,
  type OutputRow,
  type TokenRow,
  tokenNeeds,
} from './rows.ts'
import { emptyRunner, type RunnerRow, runnerNeeds } from './runner-row.ts'
import {
  type BucketRow,
  emptyMissed,
  emptyNotice,
  emptySchedule,
  type MissedRow,
  missedNeeds,
  type NoticeRow,
  noticeNeeds,
  type ScheduleRow,
  scheduleNeeds,
} from './schedule-rows.ts'
import type { SqlRow, SqlValue } from './values.ts'

/** The rows of each table. */
export interface Rows {
  executions: ExecutionRow
  definitions: DefinitionRow
  outputs: OutputRow
  jobs: JobRow
  runners: RunnerRow
  groups: GroupRow
  tokens: TokenRow
  logs: LogRow
  idempotency: IdempotencyRow
  meta: MetaRow
  audit: AuditRow
  schedules: ScheduleRow
  missed: MissedRow
  notices: NoticeRow
  buckets: BucketRow
  browser_sessions: BrowserSessionRow
  browser_codes: BrowserCodeRow
  changes: ChangesRow
}
export type TableName = keyof Rows

type Column<Row> = readonly [
  name: string,
  type: 'text' | 'double precision' | 'integer',
  value: (row: Row, watched: number) => SqlValue,
]

/** In the column `state`: queued, and not to be handed out yet, by what it waits for. */
export const waitingStates = ['queued.time', 'queued.turn', 'queued.key'] as const

interface Table<Row> {
  id(row: Row): string
  /** The fields without which a row is damaged, and the defaults of all others. */
  needs: readonly (keyof Row & string)[]
  empty: Partial<Row>
  columns: readonly Column<Row>[]
  /** Columns that stand over `body`. */
  kept: readonly (keyof Row & string)[]
  /** Those of them that `body` leaves out. */
  elsewhere?: readonly (keyof Row & string)[]
  /** More columns that stand over `body`, in fields of other names. */
  over?: { columns: readonly string[]; fields(answer: SqlRow): Partial<Row> }
}

/** When an execution ended for good. */
function endedAt(row: ExecutionRow): number | null {
  if (row.state === 'lost') return row.finished_at
  return endStates.includes(row.state) ? (row.finished_at ?? row.created_at) : null
}

/** The state by which it is searched: one that may not be handed out yet is in no queue. */
const searchedState = (row: ExecutionRow): string =>
  row.state === 'queued' && row.waits !== null ? `queued.${row.waits}` : row.state

/** A table that is searched by the id of its rows alone. */
const keyed = <Row>(
  id: (row: Row) => string,
  needs: Table<Row>['needs'],
  empty: Partial<Row> = {},
): Table<Row> => ({ id, needs, empty, columns: [], kept: [] })

/** Fields of an entry that are in columns alone. */
const auditColumns = ['token_id', 'token_name', 'namespace', 'object'] as const

export const tables: { [T in TableName]: Table<Rows[T]> } = {
  executions: {
    id: row => row.id,
    needs: executionNeeds,
    empty: emptyExecution,
    columns: [
      ['grp', 'text', row => row.group],
      ['job_name', 'text', row => row.job_name],
      ['namespace', 'text', row => row.namespace],
      ['submitter', 'text', row => row.submitter],
      ['kind', 'text', row => row.kind],
      ['state', 'text', searchedState],
      ['queue', 'text', queueOf],
      ['priority', 'integer', row => row.priority],
      ['runner_id', 'text', row => row.runner_id],
      ['deadline', 'double precision', row => row.deadline],
      ['ended_at', 'double precision', endedAt],
      [
        'not_before',
        'double precision',
        row => (searchedState(row) === 'queued.time' ? row.not_before : null),
      ],
      ['late_at', 'double precision', row => row.late_at],
      // Only the first attempt has the time, since it is unique.
      ['scheduled_for', 'double precision', row => (row.attempt === 1 ? row.scheduled_for : null)],
      ['concurrency_key', 'text', row => row.concurrency_key],
      ['catch_up', 'text', row => row.catch_up],
    ],
    kept: ['deadline'],
  },
  definitions: keyed<DefinitionRow>(row => row.group, ['group', 'body', 'sealed']),
  outputs: keyed<OutputRow>(row => row.execution_id, ['execution_id', 'sealed']),
  jobs: keyed<JobRow>(jobKey, jobNeeds, emptyJob),
  runners: {
    id: row => row.id,
    needs: runnerNeeds,
    empty: emptyRunner,
    columns: [
      ['name', 'text', row => row.name],
      ['said_group', 'text', row => row.said.runner_group],
      ['set_group', 'text', row => row.set.runner_group ?? null],
      ['session', 'integer', row => row.session],
      ['seen_until', 'double precision', row => row.seen_until],
      ['reserve_until', 'double precision', row => row.reserve_until],
      ['back_until', 'double precision', row => row.back_until],
      ['check_at', 'double precision', checkAt],
    ],
    kept: ['seen_until', 'reserve_until', 'back_until'],
  },
  groups: keyed<GroupRow>(row => row.name, groupNeeds, emptyGroup),
  tokens: {
    id: row => row.id,
    needs: tokenNeeds,
    empty: emptyToken,
    columns: [
      ['hash', 'text', row => row.hash],
      ['kind', 'text', row => row.kind],
      ['runner_id', 'text', row => row.runner_id],
      ['session', 'integer', row => row.session],
      ['created_at', 'double precision', row => row.created_at],
    ],
    kept: [],
  },
  logs: {
    id: row => row.execution_id,
    needs: logNeeds,
    empty: emptyLog,
    columns: [
      ['length', 'double precision', row => row.length],
      ['complete', 'integer', row => Number(row.complete)],
    ],
    kept: [],
  },
  idempotency: {
    id: row => idempotencyId(row.token_id, row.key),
    needs: ['token_id', 'key', 'body_sha256', 'execution_id', 'created_at'],
    empty: {},
    columns: [['created_at', 'double precision', row => row.created_at]],
    kept: [],
  },
  meta: keyed<MetaRow>(row => row.key, ['key', 'value']),
  audit: {
    id: row => numberKey(row.number),
    needs: auditNeeds,
    empty: emptyAudit,
    columns: [
      ['at', 'double precision', row => Date.parse(row.at)],
      ['token_id', 'text', row => row.token_id],
      ['token_name', 'text', row => row.token_name],
      ['call_name', 'text', row => row.call],
      ['namespace', 'text', row => row.namespace],
      ['object', 'text', row => row.object],
    ],
    kept: auditColumns,
    elsewhere: auditColumns,
    // Entries are searched by these: whoever changes them to hide an entry has changed the entry.
    over: {
      columns: ['at', 'call_name'],
      fields: ({ at, call_name }) => ({ at: isoTime(Number(at)), call: String(call_name) }),
    },
  },
  schedules: {
    id: row => row.job,
    needs: scheduleNeeds,
    empty: emptySchedule,
    columns: [
      ['namespace', 'text', row => row.namespace],
      ['due_at', 'double precision', row => row.due_at],
      ['stale', 'integer', row => row.stale],
      ['parked', 'integer', row => Number(row.parked)],
    ],
    kept: ['due_at', 'stale'],
  },
  missed: {
    id: row => row.id,
    needs: missedNeeds,
    empty: emptyMissed,
    columns: [
      ['job', 'text', row => row.job],
      ['namespace', 'text', row => row.namespace],
      ['until', 'double precision', row => row.to],
    ],
    kept: [],
  },
  notices: {
    id: row => row.id,
    needs: noticeNeeds,
    empty: emptyNotice,
    columns: [
      ['target', 'text', row => row.target],
      ['namespace', 'text', row => row.namespace],
      ['state', 'text', row => row.state],
      ['next_at', 'double precision', row => row.next_at],
      ['batch', 'text', row => row.batch],
      ['created_at', 'double precision', row => row.created_at],
    ],
    kept: [],
  },
  buckets: keyed<BucketRow>(row => row.key, ['key', 'value']),
  browser_sessions: {
    id: row => row.id,
    needs: browserSessionNeeds,
    empty: emptyBrowserSession,
    columns: [
      ['hash', 'text', row => row.hash],
      ['holder', 'text', sessionHolder],
      ['until', 'double precision', sessionUntil],
    ],
    kept: [],
  },
  browser_codes: {
    id: row => row.id,
    needs: browserCodeNeeds,
    empty: {},
    columns: [
      ['hash', 'text', row => row.hash],
      ['holder', 'text', row => row.token_id],
      ['until', 'double precision', row => row.watched_at + codeLasts],
    ],
    kept: [],
  },
  changes: {
    id: row => numberKey(row.number),
    needs: changesNeeds,
    empty: {},
    columns: [['at', 'double precision', row => row.at]],
    kept: [],
  },
}

/** A time as JavaScript writes it; of a number that is none, the first of all. */
const isoTime = (time: number): string => new Date(Math.abs(time) <= 8.64e15 ? time : 0).toISOString()

export const tableNames = Object.keys(tables) as TableName[]

/** The columns to select for rows that are to be decoded. */
export const columnsOf = eachTable(name =>
  ['id', ...tables[name].kept, ...(tables[name].over?.columns ?? []), 'body'].join(', '),
)

/** A statement that gives rows that can be decoded; `rest` stands behind the name of the table. */
export function selectFrom(table: TableName, rest: string): string {
  return `SELECT ${columnsOf[table]} FROM ${table} ${rest}`
}

/** The columns as `encode` gives them, by their types. */
export const typesOf = eachTable(name => {
  const others = tables[name].columns.map(([column, type]) => [column, type] as const)
  return [['id', 'text'], ...others, ['body', 'text']] as const
})

/** A statement that puts the rows of `source`, which gives all columns. */
export function upsertFrom(name: TableName, source: string): string {
  const names = typesOf[name].map(([column]) => column)
  const sets = names.slice(1).map(column => `${column} = excluded.${column}`)
  return `INSERT INTO ${name} (${names.join(', ')}) ${source}
    ON CONFLICT (id) DO UPDATE SET ${sets.join(', ')}`
}

/** One for each table. */
export function eachTable<T>(make: (name: TableName) => T): Record<TableName, T> {
  return Object.fromEntries(tableNames.map(name => [name, make(name)])) as Record<TableName, T>
}

/**
 * The watched time at which a runner may be something else although nobody has put it: not connected any
 * more, or healthy again.
 */
function checkAt(row: RunnerRow, watched: number): number | null {
  const times = [row.seen_until, row.free_slots ? row.reserve_until : 0, row.unhealthy_until ?? 0]
  const looked = Math.min(row.looked_at, watched)
  const first = Math.min(...times.filter(time => time > looked))
  return Number.isFinite(first) ? first : null
}
