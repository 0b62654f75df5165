/*
 * The parts of a question for a list of rows: filters, a page, and the placeholder in the list for a row that
 * cannot be read.
 */
import type { ExecutionState, NoticeState } from '../protocol/states.ts'
import type { UnreadableReason } from './failure.ts'
import type { JobRow } from './rows.ts'

export interface ExecutionFilter {
  id?: string
  /**
   * Only ids from the first to the second, both included: ids begin with the time at which they were made.
   */
  ids?: readonly [first: string, last: string]
  states?: readonly ExecutionState[]
  job_name?: string
  group?: string
  runner_id?: string
  /** Only those in one of these namespaces. */
  namespaces?: readonly string[]
  /** Only those that this token of a submitter has asked for. */
  submitter?: string
  /** Only the last attempt of each run; an attempt that was withdrawn follows none. */
  isLast?: boolean
}

export interface AuditFilter {
  /** The id of a token, or the name that it had. */
  token?: string
  call?: string
  namespace?: string
  object?: string
  /** From this time on. */
  since?: number
  /** Before this time. */
  until?: number
}

export interface NoticeFilter {
  states?: readonly NoticeState[]
  target?: string
  /** Only those about something in one of these namespaces. */
  namespaces?: readonly string[]
}

/** Entries of the audit log from one number to below another, and how many of them at most. */
export interface AuditRange {
  from: number
  below: number
  limit: number
}

/** The name of a job, in its namespace. */
export type JobName = Pick<JobRow, 'namespace' | 'name'>

/** A page: `after` is the key of the last row of the page before. */
export interface Page {
  limit: number
  after?: string | undefined
}

/**
 * Makes what stands in a list for a row that cannot be read, so that it is shown as that. Without it a list
 * of executions or runners leaves such rows out, and any other one fails.
 */
export type StandIn<T> = (id: string, reason: UnreadableReason) => T
