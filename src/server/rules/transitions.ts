/*
 * The transitions of an execution (src/protocol/states.ts): one pure function for each arrow. A deadline that
 * has passed changes nothing by itself: only the sweep lets executions expire, so a lease that it has not
 * looked at yet is still held.
 */

import type { ExecutionOutcome } from '../../protocol/messages/executions.ts'
import type { Phases, Resources } from '../../protocol/messages/measures.ts'
import { endStates } from '../../protocol/states.ts'
import { ok, type Result } from '../../result.ts'
import type { Moment } from '../../store/reader.ts'
import { type ExecutionRow, queuedAt } from '../../store/rows.ts'
import type { ServerSettings } from './context.ts'
import { phasesAtEnd } from './phases.ts'
import { type Refusal, refuse } from './refusal.ts'

/** An execution fails after so many reservations that nobody confirmed. */
export const mostUnconfirmed = 10

/** The runner that gets an execution. */
export interface LeaseHolder {
  runner_id: string
  node_name: string
  session: number
  lease_id: string
}

/** The end of an execution as its runner reports it; times by the server's clock. */
export interface ReportedEnd {
  lease_id: string
  outcome: ExecutionOutcome
  exit_code: number | null
  reason: string | null
  error_message: string | null
  output_sha256: string | null
  started_at: number
  finished_at: number
  /** The durations that the runner has measured. */
  phases?: Phases | undefined
  resources?: Resources | undefined
}

/** The fields of an execution that no runner has. */
export const nobody = { runner_id: null, node_name: null, session: null, lease_id: null }
const over = { deadline: null, next_id: null, previous_id: null, waits: null, not_before: null }

/** The fields of an execution that waits for nothing any more but a runner. */
const free = { waits: null, not_before: null }

/** queued: its time or its turn has come, and it may be handed out. */
export const release = (row: ExecutionRow): ExecutionRow => ({ ...row, ...free })

const after = (time: number, seconds: number) => time + seconds * 1000

/** Whether nothing can move an execution any more. */
export function hasEnded(row: ExecutionRow): boolean {
  return endStates.includes(row.state) || (row.state === 'lost' && row.finished_at !== null)
}

/** Whether it was lost, and its runner may still come back with it. */
export const isProvisional = (row: ExecutionRow): boolean => row.state === 'lost' && row.finished_at === null

/**
 * The lease of an execution that a runner was found to have: it matches every lease id.
 */
const anyLease = ''
/** Whether a runner that names this lease holds it. */
export const holds = (row: ExecutionRow, lease_id: string): boolean =>
  row.lease_id === lease_id || row.lease_id === anyLease

/**
 * Whether it is reserved for a runner that has listed it while it was queued, and has not confirmed it. The
 * reservation then leaves out the work: the runner knows it, or has no right to it.
 */
export const isRecalled = (row: ExecutionRow): boolean => row.state === 'reserved' && row.recall === 'asked'

/** Whether it was handed out by a reserve, and not confirmed. */
export const isHandedOut = (row: ExecutionRow): boolean =>
  row.state === 'reserved' && row.kind !== 'script' && !isRecalled(row)

/** A runner is asked only once. */
const afterRecall = ({ recall }: ExecutionRow) => ({ recall: recall === null ? null : ('over' as const) })

/**
 * queued → reserved, since a runner lists it: the store may have been restored from a backup that was made
 * before the confirm, and the runner's lease then says so.
 */
export function recall(
  row: ExecutionRow,
  by: LeaseHolder,
  { watched }: Moment,
  settings: ServerSettings,
): ExecutionRow {
  expect(row, 'queued')
  const deadline = after(watched, settings.confirm_within_seconds)
  return { ...row, ...by, state: 'reserved', recall: 'asked', deadline }
}

/**
 * queued → running, since a runner lists it that cannot be asked for its lease: the store was restored from a
 * backup that was made before the confirm. Otherwise it would run a second time.
 */
export function adopt(
  row: ExecutionRow,
  by: Omit<LeaseHolder, 'lease_id'>,
  { now, watched }: Moment,
  settings: ServerSettings,
): ExecutionRow {
  expect(row, 'queued')
  const deadline = after(watched, settings.lease_seconds)
  const held = { ...by, ...free, lease_id: anyLease }
  return { ...row, ...held, state: 'running', deadline, started_at: now, previous_id: null }
}

/** queued → reserved. */
export function reserve(
  row: ExecutionRow,
  to: LeaseHolder,
  { watched }: Moment,
  settings: ServerSettings,
): ExecutionRow {
  expect(row, 'queued')
  const deadline = after(watched, settings.confirm_within_seconds)
  return { ...row, ...to, state: 'reserved', deadline, previous_id: null }
}

/**
 * reserved → queued, since nobody confirmed it; failed if that has happened too often, or if it cannot be
 * repeated.
 */
export function requeue(row: ExecutionRow, at: Moment): ExecutionRow {
  const { now } = at
  const again = { ...row, unconfirmed: row.unconfirmed + 1 }
  if (row.kind === 'script')
    return failWith(again, now, 'not-confirmed', 'The runner did not take the script in time')
  if (again.unconfirmed >= mostUnconfirmed)
    return failWith(
      again,
      now,
      'never-confirmed',
      `It was reserved ${mostUnconfirmed} times, and no runner confirmed it: ` +
        'look for what they have in common',
    )
  return giveBack(again, at)
}

/** reserved → queued, which does not count against the runner: it cannot take the execution any more. */
export function giveBack(row: ExecutionRow, { now, watched }: Moment): ExecutionRow {
  expect(row, 'reserved')
  if (row.queue_until !== null && row.queue_until <= watched) return waitedTooLong(row, now)
  return { ...row, ...nobody, ...afterRecall(row), state: 'queued', deadline: row.queue_until }
}

/**
 * queued (or just back from a runner) → failed, since its wait is over; `because`: the reason of the wait, if
 * it is known.
 */
export function waitedTooLong(row: ExecutionRow, now: number, because?: string): ExecutionRow {
  const why = because === undefined ? '' : `: ${because}`
  return failWith(row, now, 'queued-too-long', `No node took it within max_queue_seconds${why}`)
}

/** queued or reserved → failed by the server, without another attempt. */
export function failWith(row: ExecutionRow, now: number, reason: string, message: string): ExecutionRow {
  expect(row, 'queued', 'reserved')
  return { ...row, ...over, state: 'failed', finished_at: now, reason, error_message: message }
}

/**
 * reserved → running. The same confirm again changes nothing but the lease, and brings back an execution that
 * was lost since.
 */
export function confirmed(
  row: ExecutionRow,
  lease_id: string,
  { now, watched }: Moment,
  settings: ServerSettings,
): Result<ExecutionRow, Refusal> {
  if (!holds(row, lease_id) || row.state === 'queued')
    return refuse('reservation-expired', 'It was not confirmed in time and went back to the queue')
  if (row.result !== null) return refuse('already-finished')
  if (hasEnded(row)) {
    if (row.state === 'lost') return refuse('superseded')
    return refuse(
      'reservation-expired',
      row.state === 'aborted' ? 'It was aborted' : 'It was not confirmed in time',
    )
  }
  const deadline = after(watched, settings.lease_seconds)
  if (row.state === 'reserved')
    return ok({
      ...row,
      ...afterRecall(row),
      ...free,
      state: 'running',
      deadline,
      started_at: now,
      previous_id: null,
    })
  return ok(row.state === 'lost' ? revive(row, deadline) : renew(row, deadline))
}

/** A lease of its runner that lasts until then. */
export function renew(row: ExecutionRow, until: number): ExecutionRow {
  expect(row, 'running', 'aborting')
  return { ...row, deadline: until }
}

/** running → lost, provisionally. */
export function lose(row: ExecutionRow, { watched }: Moment, settings: ServerSettings): ExecutionRow {
  expect(row, 'running')
  return {
    ...row,
    state: 'lost',
    deadline: after(watched, settings.late_result_seconds),
    reason: 'lease-ended',
    error_message: 'Its runner was not heard of until the lease ended',
  }
}

/** The attempt after one that failed or was lost: at once, or after `delay` milliseconds. */
export function nextAttempt(
  row: ExecutionRow,
  { id, attempt, delay }: { id: string; attempt: number; delay: number },
  { now, watched }: Moment,
): ExecutionRow {
  const { queue_until: until } = row
  const not_before = watched + delay
  const queue_until = until === null ? null : not_before + (until - queuedAt(row))
  return {
    ...row,
    ...nobody,
    id,
    attempt,
    retries_left: row.retries_left - 1,
    state: 'queued',
    deadline: queue_until,
    queue_until,
    ...(delay > 0 ? { waits: 'time', not_before } : free),
    recall: null,
    unconfirmed: 0,
    created_at: now,
    queued_at: not_before,
    started_at: null,
    finished_at: null,
    abort_at: null,
    exit_code: null,
    reason: null,
    error_message: null,
    next_id: null,
    previous_id: row.state === 'lost' ? row.id : null,
    result: null,
    phases: null,
    resources: null,
  }
}

/** lost, provisionally → running. The attempt queued in its place is to be withdrawn. */
export function revive(row: ExecutionRow, deadline: number): ExecutionRow {
  expect(row, 'lost')
  return { ...row, state: 'running', deadline, next_id: null, reason: null, error_message: null }
}

/** Why an execution ends before it has run to its end; the message is for a person. */
export interface Why {
  reason: string
  error_message: string | null
}

/** It makes room for a newer run of its job. */
export const replacedBy = ({ id }: Pick<ExecutionRow, 'id'>): Why => ({
  reason: 'replaced',
  error_message: `Execution ${id} of the job has taken its place`,
})

const cameBack: Why = { reason: 'earlier-attempt-came-back', error_message: null }

/**
 * queued, or reserved for a runner that was asked → withdrawn; by default since the attempt before it came
 * back.
 */
export function withdraw(row: ExecutionRow, now: number, why = cameBack): ExecutionRow {
  if (!isRecalled(row)) expect(row, 'queued')
  return { ...row, ...over, ...why, state: 'withdrawn', finished_at: now }
}

/** lost, provisionally → lost for good. */
export function supersede(row: ExecutionRow, now: number): ExecutionRow {
  expect(row, 'lost')
  return { ...row, ...over, finished_at: now }
}

/**
 * Aborts at once an execution that does not run: queued, reserved, or lost (its runner hears of it when it
 * comes back). The runner of a running one is told to end it; a second abort changes nothing.
 */
export function abort(row: ExecutionRow, now: number, why = asked): Result<ExecutionRow, Refusal> {
  if (hasEnded(row)) return refuse('already-finished')
  if (row.state === 'aborting') return ok(row)
  if (row.state === 'running') return ok({ ...row, ...why, state: 'aborting', abort_at: now })
  return ok(aborted({ ...row, abort_at: now }, now, why))
}

/** Somebody has asked for the abort. */
const asked: { [K in keyof Why]: Why[K] | null } = { reason: null, error_message: null }

/** aborting → aborted, since its lease ended. */
export function abortUnheard(row: ExecutionRow, now: number): ExecutionRow {
  expect(row, 'aborting')
  return aborted(row, now, whyAborted(row, unheard))
}

const unheard: Why = {
  reason: 'lease-ended',
  error_message: 'Its runner was not heard of until the lease ended',
}

/**
 * The reason why an execution in state aborting was aborted. If the server knows it, the runner's words do
 * not count.
 */
const whyAborted = ({ reason, error_message }: ExecutionRow, said: typeof asked): typeof asked =>
  reason === null ? said : { reason, error_message }

function aborted(row: ExecutionRow, now: number, why: typeof asked): ExecutionRow {
  return { ...row, ...over, ...why, state: 'aborted', finished_at: now }
}

/** Whether the holder of a lease may still say how an execution ended, if it has not. */
export function isOpenTo(row: ExecutionRow, lease_id: string): Result<void, Refusal> {
  if (row.result !== null) return ok(undefined)
  if (hasEnded(row)) return refuse(row.state === 'lost' ? 'superseded' : 'already-finished')
  if (row.state === 'queued' || !holds(row, lease_id)) return refuse('reservation-expired')
  return ok(undefined)
}

/**
 * Applies a runner's result to an execution; gives the very same row where the result has come before. An
 * execution in state aborting has succeeded where its runner says so, and was aborted otherwise. A
 * reservation that was never confirmed ends too: the runner that has its lease has run it.
 */
export function finish(row: ExecutionRow, said: ReportedEnd): Result<ExecutionRow, Refusal> {
  const { lease_id, outcome, exit_code, output_sha256 } = said
  const result = { lease_id, outcome, exit_code, output_sha256 }
  if (row.result !== null) return sameResult(row.result, result) ? ok(row) : refuse('already-finished')
  const open = isOpenTo(row, lease_id)
  if (!open.ok) return open
  const state = row.state === 'aborting' && outcome !== 'succeeded' ? 'aborted' : outcome
  const { started_at, finished_at, resources = null, reason, error_message } = said
  const measured = { phases: phasesAtEnd(row, finished_at - started_at, said.phases), resources }
  const why = state === 'aborted' ? whyAborted(row, { reason, error_message }) : { reason, error_message }
  return ok({ ...row, ...over, ...measured, ...why, state, started_at, finished_at, exit_code, result })
}

type Kept = NonNullable<ExecutionRow['result']>

function sameResult(one: Kept, other: Kept): boolean {
  return (
    one.lease_id === other.lease_id &&
    one.outcome === other.outcome &&
    one.exit_code === other.exit_code &&
    one.output_sha256 === other.output_sha256
  )
}

/** Whether there may be another attempt: after a failure that the runner reported, and after a loss. */
export function mayRetry(row: ExecutionRow): boolean {
  const unsuccessful = isProvisional(row) || (row.state === 'failed' && row.result !== null)
  return unsuccessful && row.retries_left > 0 && row.kind !== 'script'
}

function expect(row: ExecutionRow, ...states: ExecutionRow['state'][]): void {
  if (!states.includes(row.state))
    throw new Error(`execution ${row.id} is ${row.state}, not ${states.join(' or ')}`)
}
