/* The outcome of a run: of all its attempts together. */
import type { NotifyEvent } from '../../protocol/messages/jobs.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import { hasEnded, isProvisional } from './transitions.ts'

export type RunOutcome = 'success' | 'failure' | 'aborted'

/**
 * The outcome of a run by its attempts, in any order; undefined while one of them has not ended, a
 * provisional loss among them. One success is enough; else the last attempt decides. An attempt that was
 * withdrawn has never been one.
 */
export function runOutcomeOf(attempts: readonly ExecutionRow[]): RunOutcome | undefined {
  if (!attempts.every(hasEnded)) return undefined
  const made = attempts.filter(({ state }) => state !== 'withdrawn')
  if (made.some(({ state }) => state === 'succeeded')) return 'success'
  const last = made.toSorted((one, other) => other.attempt - one.attempt)[0]
  if (last === undefined) return undefined
  return last.state === 'aborted' ? 'aborted' : 'failure'
}

/**
 * Whether a job had failed before this run: whether the run of it that ended last has. `rows` are executions
 * of the job, of this run too. Aborted runs say nothing, nor do those that have not ended.
 */
export function hadFailed(rows: readonly ExecutionRow[], group: string): boolean {
  const runs = Map.groupBy(
    rows.filter(row => row.group !== group),
    row => row.group,
  )
  const ended = [...runs.values()]
    .map(attempts => ({ outcome: runOutcomeOf(attempts), at: endOf(attempts) }))
    .filter(({ outcome }) => outcome === 'success' || outcome === 'failure')
  const last = ended.toSorted((one, other) => other.at - one.at)[0]
  return last?.outcome === 'failure'
}

const endOf = (attempts: readonly ExecutionRow[]) =>
  Math.max(...attempts.map(({ finished_at }) => finished_at ?? 0))

/** Whether an attempt was just lost, provisionally: its runner may still come back with it. */
export const isNewlyLost = (row: ExecutionRow, before: ExecutionRow | undefined): boolean =>
  isProvisional(row) && before?.state !== 'lost'

/** Whether an attempt has just ended for good; a run also ends when its next attempt is withdrawn. */
export const isNewlyEnded = (row: ExecutionRow, before: ExecutionRow | undefined): boolean =>
  hasEnded(row) && (before === undefined || !hasEnded(before))

/** The watched time at which a run is late, once its first attempt begins to run; null when it has ended. */
export function lateAtOf(
  row: ExecutionRow,
  before: ExecutionRow | undefined,
  watched: number,
): number | null {
  if (hasEnded(row)) return null
  const begins = row.state === 'running' && before?.state !== 'running' && before?.state !== 'lost'
  return begins && row.attempt === 1 && row.expected_seconds !== null
    ? watched + Math.round(row.expected_seconds * 1000)
    : row.late_at
}

/** The events of a run that has ended, the one that says most first. */
export function eventsOfEnd(outcome: RunOutcome, hadFailedBefore: boolean): NotifyEvent[] {
  return outcome === 'success' && hadFailedBefore ? ['recovery', 'success'] : [outcome]
}
