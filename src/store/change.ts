/*
 * The changes of commits, for readers that follow them: each commit that changed something writes one row
 * with a list of its changes, in its own transaction. Each change has a number. Numbers only grow, in the
 * order of the commits, so a reader that has read up to a number has missed nothing before it. Numbers begin
 * with the time, so another history of the store has other numbers.
 */
import type { ChangeTopic } from '../protocol/messages/events.ts'
import type { ExecutionState } from '../protocol/states.ts'
import { type ExecutionRow, type GroupRow, type JobRow, type LogRow, nameOfKey } from './rows.ts'
import type { RunnerRow } from './runner-row.ts'
import type { ScheduleRow } from './schedule-rows.ts'
import type { Topic } from './topic.ts'

/** A change of one thing. */
export interface Change {
  topic: ChangeTopic
  /** A job and its schedule by the name of the job; null: all of this topic. */
  id: string | null
  /** Null: of no namespace, or of all. */
  namespace: string | null
  /** The rest is of executions. */
  state?: ExecutionState
  job_name?: string
  /** The length of its log, if that has changed. */
  log_length?: number
  /** The token of the submitter that asked for it. */
  submitter?: string
}

/** The changes of one commit: their numbers are consecutive, and the last one is `number`. */
export interface ChangesRow {
  number: number
  /** The last number of the commit before. */
  after: number
  /** Watched time. */
  at: number
  /** Null: too many to be listed. */
  changes: Change[] | null
}

export const changesNeeds = ['number', 'after', 'at', 'changes'] as const

/** Names what a change is about: of several changes the last one says it all. */
export const subjectOf = ({ topic, namespace, id }: Change): string => `${topic} ${namespace} ${id}`

/** The later change of a thing, with what only the earlier one says. */
export const joined = (earlier: Change | undefined, later: Change): Change =>
  earlier === undefined ? later : { ...earlier, ...later }

/** An execution that was put; undefined: nothing that people look at is other than before. */
export function executionChange(before: ExecutionRow | undefined, row: ExecutionRow): Change | undefined {
  return hasChanged(before, row, executionFields) ? executionAs(row) : undefined
}

function executionAs({ id, namespace, state, job_name, submitter }: ExecutionRow): Change {
  const change: Change = { topic: 'execution', id, namespace, state }
  if (job_name !== null) change.job_name = job_name
  if (submitter !== null) change.submitter = submitter
  return change
}

/** A log that was put, of this execution. */
export const logChange = (execution: ExecutionRow, { length }: LogRow): Change => ({
  ...executionAs(execution),
  log_length: length,
})

/** A runner that was put, at a watched time. Most heartbeats say only that it is there still. */
export function runnerChange(
  before: RunnerRow | undefined,
  row: RunnerRow,
  watched: number,
): Change | undefined {
  const isBack = before !== undefined && before.seen_until <= watched && row.seen_until > watched
  return isBack || hasChanged(before, row, runnerFields)
    ? { topic: 'runner', id: row.id, namespace: null }
    : undefined
}

export const groupChange = ({ name }: GroupRow): Change => ({ topic: 'group', id: name, namespace: null })

/** A job that was put or removed. */
export const jobChange = ({ name, namespace }: Pick<JobRow, 'name' | 'namespace'>): Change => ({
  topic: 'job',
  id: name,
  namespace,
})

/** A schedule that was put or removed. */
export function scheduleChange({ job }: Pick<ScheduleRow, 'job'>): Change {
  const { name, namespace } = nameOfKey(job)
  return { topic: 'schedule', id: name, namespace }
}

/** Changes that no row shows. */
export const topicChange = (topic: Topic): Change | undefined =>
  topic.about === 'schedules' ? { topic: 'schedule', id: null, namespace: topic.namespace } : undefined

const executionFields = [
  'state',
  'waits',
  'runner_id',
  'started_at',
  'finished_at',
  'abort_at',
  'error_message',
  'late_at',
  'attempt',
] as const satisfies readonly (keyof ExecutionRow)[]
const runnerFields = [
  'name',
  'version',
  'said',
  'set',
  'host',
  'session',
  'state',
  'back_until',
  'unable_because',
  // The sweep has looked at it: it is not connected any more, or healthy again.
  'executors',
  'unhealthy_until',
  'looked_at',
  'deleted_at',
  'credentials_until',
] as const satisfies readonly (keyof RunnerRow)[]

function hasChanged<Row extends object>(
  before: Row | undefined,
  row: Row,
  fields: readonly (keyof Row)[],
): boolean {
  return before === undefined || fields.some(field => !isSame(before[field], row[field]))
}

/** Rows are JSON, and most fields of a changed row are the very values of the row before. */
const isSame = (one: unknown, other: unknown): boolean =>
  one === other || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other))
