/*
 * What becomes of an execution (src/protocol/states.ts): one pure function for each arrow. A deadline that has passed
 * changes nothing by itself: only the sweep lets things expire, so what it has not looked at yet still holds.
 */
import type { Outcome } from '../protocol/messages.ts'
import { endStates } from '../protocol/states.ts'
import { ok, type Result } from '../result.ts'
import type { ServerSettings } from './context.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { ExecutionRow, Moment } from './store/store.ts'

/** Reservations that nobody confirmed after which an execution fails. */
export const mostUnconfirmed = 10

/** Who gets an execution. */
export interface Holder {
  runner_id: string
  node_name: string
  session: number
  lease_id: string
}

/** How an execution ended, as its runner says; times by the server's clock. */
export interface Said {
  lease_id: string
  outcome: Outcome
  exit_code: number | null
  reason: string | null
  error_message: string | null
  output_sha256: string | null
  started_at: number
  finished_at: number
}

/** Of an execution that no runner has. */
export const nobody = { runner_id: null, node_name: null, session: null, lease_id: null }
const over = { deadline: null, next_id: null, previous_id: null }

const after = (time: number, seconds: number) => time + seconds * 1000

/** Whether an execution can be moved no more by anything. */
export function hasEnded(row: ExecutionRow): boolean {
  return endStates.includes(row.state) || (row.state === 'lost' && row.finished_at !== null)
}

/** Whether it was lost, and its runner may still come back with it. */
export const isProvisional = (row: ExecutionRow): boolean => row.state === 'lost' && row.finished_at === null

/** The lease of an execution that a runner was found to have: whatever its runner calls it. */
const anyLease = ''
/** Whether a runner that names this lease holds it. */
export const holds = (row: ExecutionRow, lease_id: string): boolean =>
  row.lease_id === lease_id || row.lease_id === anyLease

/**
 * queued → running, since a runner that may have it holds it: the store was restored from a backup that was made
 * before the confirm. Otherwise it would run a second time.
 */
export function adopt(
  row: ExecutionRow,
  by: Omit<Holder, 'lease_id'>,
  { now, watched }: Moment,
  settings: ServerSettings,
): ExecutionRow {
  expect(row, 'queued')
  const deadline = after(watched, settings.lease_seconds)
  return { ...row, ...by, lease_id: anyLease, state: 'running', deadline, started_at: now, previous_id: null }
}

/** queued → reserved. */
export function reserve(
  row: ExecutionRow,
  to: Holder,
  { watched }: Moment,
  settings: ServerSettings,
): ExecutionRow {
  expect(row, 'queued')
  const deadline = after(watched, settings.confirm_within_seconds)
  return { ...row, ...to, state: 'reserved', deadline, previous_id: null }
}

/** reserved → queued, since nobody confirmed it; failed where that happens for ever, or cannot be repeated. */
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
      `It was reserved ${mostUnconfirmed} times, and no runner confirmed it: look for what they have in common`,
    )
  return giveBack(again, at)
}

/** reserved → queued without blame: its runner cannot take it any more. */
export function giveBack(row: ExecutionRow, { now, watched }: Moment): ExecutionRow {
  expect(row, 'reserved')
  if (row.queue_until !== null && row.queue_until <= watched) return waitedTooLong(row, now)
  return { ...row, ...nobody, state: 'queued', deadline: row.queue_until }
}

/** queued (or just back from a runner) → failed, since its wait is over. */
export function waitedTooLong(row: ExecutionRow, now: number): ExecutionRow {
  return failWith(row, now, 'queued-too-long', 'No runner took it within max_queue_seconds')
}

/** queued or reserved → failed by the server, without another attempt. */
export function failWith(row: ExecutionRow, now: number, reason: string, message: string): ExecutionRow {
  expect(row, 'queued', 'reserved')
  return { ...row, ...over, state: 'failed', finished_at: now, reason, error_message: message }
}

/** reserved → running. The same confirm again changes nothing but the lease, and brings back what was lost since. */
export function confirmed(
  row: ExecutionRow,
  lease_id: string,
  { now, watched }: Moment,
  settings: ServerSettings,
): Result<ExecutionRow, Refusal> {
  if (!holds(row, lease_id) || row.state === 'queued')
    return refuse('reservation-expired', 'It was not confirmed in time and went back to the queue')
  if (row.result !== null) return refuse('already-finished')
  if (hasEnded(row))
    return row.state === 'lost' ? refuse('superseded') : refuse('reservation-expired', 'It was aborted')
  const deadline = after(watched, settings.lease_seconds)
  if (row.state === 'reserved') return ok({ ...row, state: 'running', deadline, started_at: now })
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

/** The attempt after one that failed or was lost. */
export function nextAttempt(
  row: ExecutionRow,
  id: string,
  attempt: number,
  { now, watched }: Moment,
): ExecutionRow {
  const { queue_until: until, queued_at = row.created_at } = row
  const queue_until = until === null ? null : watched + (until - queued_at)
  return {
    ...row,
    ...nobody,
    id,
    attempt,
    retries_left: row.retries_left - 1,
    state: 'queued',
    deadline: queue_until,
    queue_until,
    unconfirmed: 0,
    created_at: now,
    queued_at: watched,
    started_at: null,
    finished_at: null,
    abort_at: null,
    exit_code: null,
    reason: null,
    error_message: null,
    next_id: null,
    previous_id: row.state === 'lost' ? row.id : null,
    result: null,
  }
}

/** lost, provisionally → running. The attempt queued in its place is to be withdrawn. */
export function revive(row: ExecutionRow, deadline: number): ExecutionRow {
  expect(row, 'lost')
  return { ...row, state: 'running', deadline, next_id: null, reason: null, error_message: null }
}

/** queued → withdrawn, since the attempt before it came back. */
export function withdraw(row: ExecutionRow, now: number): ExecutionRow {
  expect(row, 'queued')
  return { ...row, ...over, state: 'withdrawn', finished_at: now, reason: 'earlier-attempt-came-back' }
}

/** lost, provisionally → lost for good. */
export function supersede(row: ExecutionRow, now: number): ExecutionRow {
  expect(row, 'lost')
  return { ...row, ...over, finished_at: now }
}

/**
 * Aborts at once what does not run: queued, reserved, or lost (its runner is told when it comes back). What runs is
 * told to end; asking for that twice changes nothing.
 */
export function abort(row: ExecutionRow, now: number): Result<ExecutionRow, Refusal> {
  if (hasEnded(row)) return refuse('already-finished')
  if (row.state === 'aborting') return ok(row)
  if (row.state === 'running') return ok({ ...row, state: 'aborting', abort_at: now })
  return ok(aborted({ ...row, abort_at: now }, now, null, null))
}

/** aborting → aborted, since its lease ended. */
export function abortUnheard(row: ExecutionRow, now: number): ExecutionRow {
  expect(row, 'aborting')
  return aborted(row, now, 'lease-ended', 'Its runner was not heard of until the lease ended')
}

function aborted(
  row: ExecutionRow,
  now: number,
  reason: string | null,
  error_message: string | null,
): ExecutionRow {
  return { ...row, ...over, state: 'aborted', finished_at: now, reason, error_message }
}

/** Whether the holder of a lease may still say how an execution ended, if it has not. */
export function isOpenTo(row: ExecutionRow, lease_id: string): Result<void, Refusal> {
  if (row.result !== null) return ok(undefined)
  if (hasEnded(row)) return refuse(row.state === 'lost' ? 'superseded' : 'already-finished')
  if (row.state === 'queued' || !holds(row, lease_id)) return refuse('reservation-expired')
  return ok(undefined)
}

/**
 * What a runner's result makes of an execution; the very same row where it was said before. One that was to be
 * aborted has succeeded where its runner says so, and was aborted otherwise. A reservation that was never confirmed
 * ends too: whoever has its lease has run it.
 */
export function finish(row: ExecutionRow, said: Said): Result<ExecutionRow, Refusal> {
  const { lease_id, outcome, exit_code, reason, error_message, output_sha256 } = said
  const result = { lease_id, outcome, exit_code, output_sha256 }
  if (row.result !== null) return sameResult(row.result, result) ? ok(row) : refuse('already-finished')
  const open = isOpenTo(row, lease_id)
  if (!open.ok) return open
  const state = row.state === 'aborting' && outcome !== 'succeeded' ? 'aborted' : outcome
  const { started_at, finished_at } = said
  return ok({ ...row, ...over, state, started_at, finished_at, exit_code, reason, error_message, result })
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

/** Whether there is to be another attempt: after a failure its runner told of, and after a loss. */
export function wantsRetry(row: ExecutionRow): boolean {
  const unsuccessful = isProvisional(row) || (row.state === 'failed' && row.result !== null)
  return unsuccessful && row.retries_left > 0 && row.kind !== 'script'
}

function expect(row: ExecutionRow, ...states: ExecutionRow['state'][]): void {
  if (!states.includes(row.state))
    throw new Error(`execution ${row.id} is ${row.state}, not ${states.join(' or ')}`)
}
