/* The record of what schedules have not fired. */
import type { MissedReason } from '../../protocol/messages/schedules.ts'
import type { Plan } from '../../schedule/schedule.ts'
import type { ScheduleRow } from '../../store/schedule-rows.ts'
import type { Writer } from '../../store/writer.ts'
import { type Context, newId } from '../rules/context.ts'
import { ifReadable } from './unreadable.ts'

/** Times of a schedule, one after the other, that were not fired. */
export interface NotFired {
  reason: MissedReason
  from: number
  to: number
  count: number
  more?: boolean
}

/**
 * Puts times on record that come after all that was decided of the schedule, and gives its row with the place
 * of the record: times that follow one another without a fire in between, for the same reason, are one row.
 */
export async function recordMissed(
  tx: Writer,
  ctx: Context,
  schedule: ScheduleRow,
  { reason, from, to, count, more = false }: NotFired,
): Promise<ScheduleRow> {
  const { job, namespace, missed_id } = schedule
  const before = missed_id === null ? undefined : await ifReadable(tx.missed(missed_id))
  if (before?.reason === reason) {
    tx.putMissed({ ...before, to, count: before.count + count, more: before.more || more })
    return schedule
  }
  const id = newId(ctx.chance, tx.now)
  tx.putMissed({ id, job, namespace, reason, from, to, count, more })
  return { ...schedule, missed_id: id }
}

/** Rows of one job that are looked through: those of a clock that was wrong are the latest. */
const mostForgotten = 1000

/**
 * Takes off the record what lies behind a time: a clock that was wrong has put it there, and these times come
 * again. `plan` is the one by which they were put there.
 */
export async function forgetBehind(
  tx: Writer,
  schedule: ScheduleRow,
  time: number,
  plan: Plan,
): Promise<ScheduleRow> {
  const rows = await tx.listMissed({ job: schedule.job }, { limit: mostForgotten })
  const wrong = rows.filter(({ to }) => to > time)
  for (const row of wrong)
    if (row.from <= time)
      tx.putMissed({ ...row, to: time, count: Math.max(1, countTimes(plan, row.from, time)) })
  await tx.deleteMissed(wrong.filter(({ from }) => from > time).map(({ id }) => id))
  return { ...schedule, missed_id: null }
}

/** The most times that are counted one by one. */
const mostCounted = 10_000

function countTimes({ next }: Plan, from: number, to: number): number {
  let count = 0
  for (let one = next(from - 1); one !== undefined && one.at <= to; one = next(one.at))
    if (++count === mostCounted) break
  return count
}
