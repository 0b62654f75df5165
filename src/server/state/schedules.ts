/* Where the schedules of jobs stand. */
import { isDeepStrictEqual } from 'node:util'
import { ok, type Result } from '../../result.ts'
import { catchUp } from '../../schedule/catch-up.ts'
import { putProblem } from '../../schedule/put-problem.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, jobKey } from '../../store/rows.ts'
import { emptySchedule, type ScheduleRow } from '../../store/schedule-rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import type { JobPlan } from '../rules/job-plan.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { forgetBehind, recordMissed } from './missed.ts'
import { planOf } from './plans.ts'
import { ifReadable } from './unreadable.ts'

/**
 * Checks the schedule of a job that is put, and lets it begin from now where it is another one than before; a
 * put that changes nothing about it keeps its place. A restore takes times that are past: nothing of them is
 * fired.
 */
export async function putSchedule(
  tx: Writer,
  ctx: Context,
  before: JobRow | undefined,
  after: JobRow,
  from: 'put' | 'restore',
): Promise<Result<void, Refusal>> {
  const { schedule } = after.body
  const key = jobKey(after)
  if (schedule === undefined || schedule === null) {
    if (before?.body.schedule) await tx.deleteSchedule(key)
    return ok(undefined)
  }
  const planned = planOf(ctx, after)
  if (!planned.ok) return refuse('malformed', planned.failure)
  const { plan, blackouts } = planned.value
  const isNew = !isDeepStrictEqual(before?.body.schedule, schedule)
  const changed = isNew || !isDeepStrictEqual(before?.body.blackouts ?? [], after.body.blackouts ?? [])
  const problem =
    from === 'put' && changed ? putProblem(plan, blackouts, tx.now, before?.body.schedule) : undefined
  if (problem !== undefined) return refuse('malformed', `schedule in the body: ${problem}`)
  // A row that cannot be read gives way to a new one.
  const known = await ifReadable(tx.schedule(key))
  if (known !== undefined && !isNew) return ok(undefined)
  const former = before?.body.schedule ? planOf(ctx, before) : planned
  // The clock was set back since then, so times that are on record as passed come again.
  if (known !== undefined && known.after > tx.now)
    await forgetBehind(tx, known, tx.now, former.ok ? former.value.plan : plan)
  const last_fired = known?.last_fired ?? (await tx.lastScheduled(after)) ?? null
  const begun = {
    ...emptySchedule,
    ...known,
    after: tx.now,
    job: key,
    namespace: after.namespace,
    last_fired,
    // A time that this schedule does not fire gets a new record.
    missed_id: null,
  }
  const row = await enabling(tx, ctx, begun, planned.value)
  tx.putSchedule(withNext({ ...row, missed: null }, planned.value))
  return ok(undefined)
}

/**
 * Notes since when a schedule is not enabled; and once it is again, records the times that it has not fired
 * for that reason.
 */
async function enabling(
  tx: Writer,
  ctx: Context,
  row: ScheduleRow,
  { plan, blackouts }: JobPlan,
): Promise<ScheduleRow> {
  if (!plan.schedule.enabled) return { ...row, disabled_at: row.disabled_at ?? tx.now }
  if (row.disabled_at === null) return row
  const none = { ...plan, schedule: { ...plan.schedule, catch_up: 'none' as const } }
  const { skippedRanges } = catchUp(none, blackouts, row.disabled_at, tx.now, tx.now)
  let recorded: ScheduleRow = { ...row, disabled_at: null }
  for (const range of skippedRanges)
    recorded = await recordMissed(tx, ctx, recorded, {
      ...range,
      reason: range.reason === 'missed' ? 'disabled' : range.reason,
    })
  return recorded
}

/** The row with the first time after all that are decided. */
export function withNext(row: ScheduleRow, { plan }: JobPlan): ScheduleRow {
  const isOn = plan.schedule.enabled && row.paused_at === null
  const next = isOn ? plan.next(row.after) : undefined
  return {
    ...row,
    stale: 0,
    parked: row.paused_at !== null,
    scheduled_for: next?.at ?? null,
    due_at: next?.due ?? null,
    skipped: next?.skipped ?? null,
  }
}

/** The row in `meta` of the namespaces whose schedules are paused, `*` being all, and since when. */
const pausedKey = 'schedules.paused'

/** A namespace may be called `constructor`, so this is a map and no object. */
export type PausedAt = ReadonlyMap<string, number>

export async function pausedIn(tx: Reader): Promise<Map<string, number>> {
  const text = await tx.meta(pausedKey)
  return new Map(text === undefined ? [] : Object.entries(JSON.parse(text) as Record<string, number>))
}

export function putPaused(tx: Writer, paused: PausedAt): void {
  tx.setMeta(pausedKey, JSON.stringify(Object.fromEntries(paused)))
}

/** Since when all schedules of a namespace are paused; undefined: they are not. */
export const pausedSince = (paused: PausedAt, namespace: string): number | undefined =>
  paused.get('*') ?? paused.get(namespace)
