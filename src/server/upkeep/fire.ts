/* The decision about the next time of a schedule: it is fired, or put on record as not fired. */
import type { MissedReason } from '../../protocol/messages/schedules.ts'
import { type BlackoutPlan, blackoutOf } from '../../schedule/blackouts.ts'
import { catchUp } from '../../schedule/catch-up.ts'
import type { Instance, Plan } from '../../schedule/schedule.ts'
import { type ExecutionRow, type JobRow, nameOfKey } from '../../store/rows.ts'
import type { ScheduleRow } from '../../store/schedule-rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { put } from '../state/attempts.ts'
import { prospectOf } from '../state/concurrency.ts'
import { enqueue, withoutSchedule } from '../state/enqueue.ts'
import { recordMissed } from '../state/missed.ts'
import { type MissedMark, markOf, missedMarks, restoredMarkOf } from '../state/missed-marks.ts'
import { newExecution } from '../state/new-execution.ts'
import { noteNotFired } from '../state/notices.ts'
import { planOf, serverBlackouts } from '../state/plans.ts'
import { type PausedAt, pausedIn, pausedSince } from '../state/schedules.ts'
import { ifReadable } from '../state/unreadable.ts'

/** The rules for all schedules. */
export interface FireRules {
  marks: readonly MissedMark[]
  paused: PausedAt
  blackouts: readonly BlackoutPlan[]
}

export async function fireRules(tx: Writer, ctx: Context): Promise<FireRules> {
  const [marks, paused, blackouts] = await Promise.all([
    missedMarks(tx),
    pausedIn(tx),
    serverBlackouts(tx, ctx),
  ])
  return { marks, paused, blackouts }
}

/** The decision about the next time of a schedule. */
export type Decided = { fired: number } | { notFired: MissedReason; count: number }

/** Decides about a schedule that is due, and puts its row; the next time is computed later. */
export async function decide(
  tx: Writer,
  ctx: Context,
  row: ScheduleRow,
  { marks, paused, blackouts: ofServer }: FireRules,
): Promise<Decided[]> {
  const job = await ifReadable(tx.job(nameOfKey(row.job)))
  const { scheduled_for: at, due_at: due } = row
  if (row.paused_at !== null || pausedSince(paused, row.namespace) !== undefined)
    return leave(tx, { ...row, parked: true, due_at: null })
  // A row that cannot be read: `schedule list` says so.
  if (!job?.body.schedule || at === null || due === null) return leave(tx, { ...row, due_at: null })
  const fired = await firedAfter(tx, row)
  if (fired !== undefined && fired <= at) {
    const after = await lastOfFired(tx, row, planOf(ctx, job), fired)
    return leave(tx, { ...row, after, missed_id: null, stale: 1, due_at: null })
  }
  const own = row.missed !== null && due <= row.missed.until ? row.missed : undefined
  // A pause in a backup may have ended before the restore: times that have fired since then must not fire
  // again.
  const missed = restoredMarkOf(marks, due) ?? own ?? markOf(marks, due)
  const decision = new Decision(tx, ctx, job, { ...row, stale: 1, due_at: null })
  const instance = { at, due, ...(row.skipped === null ? {} : { skipped: row.skipped }) }
  if (missed === undefined && job.body.blackouts === undefined) {
    await decision.inTime(instance, ofServer)
    return decision.decided
  }
  const planned = planOf(ctx, job)
  // A zone that this program does not know.
  if (!planned.ok) return leave(tx, { ...row, due_at: null })
  const blackouts = [...planned.value.blackouts, ...ofServer]
  if (missed === undefined) await decision.inTime(instance, blackouts)
  else await decision.catchUp(planned.value.plan, blackouts, missed, fired)
  return decision.decided
}

function leave(tx: Writer, row: ScheduleRow): Decided[] {
  tx.putSchedule(row)
  return []
}

/**
 * The first time after all that are decided that has fired already, while the clock was wrong or by a job of
 * this name before.
 */
async function firedAfter(tx: Writer, { job, after, last_fired }: ScheduleRow): Promise<number | undefined> {
  return last_fired !== null && after < last_fired ? tx.nextScheduled(nameOfKey(job), after) : undefined
}

/** Times that have fired already of which one writer goes past. */
const mostPassed = 500

/**
 * The last of the times that have fired already and are due, from one of them on, without one between them
 * that has not.
 */
async function lastOfFired(
  tx: Writer,
  row: ScheduleRow,
  planned: ReturnType<typeof planOf>,
  first: number,
): Promise<number> {
  let last = first
  if (!planned.ok) return last
  for (let passed = 1; passed < mostPassed; passed++) {
    const next = planned.value.plan.next(last)
    if (next === undefined || next.due > tx.now) break
    const fired = await firedAfter(tx, { ...row, after: last })
    if (fired === undefined || fired > next.at) break
    last = fired
  }
  return last
}

/** A plan without the times from one on. */
const endingBefore = (plan: Plan, time: number): Plan => ({
  ...plan,
  next: after => {
    const instance = plan.next(after)
    return instance !== undefined && instance.at < time ? instance : undefined
  },
})

/** Reasons that nobody has asked for. */
const told: readonly MissedReason[] = ['outage', 'clock', 'restored', 'overlap', 'queue-full']

/** The decision about one schedule. */
class Decision {
  readonly decided: Decided[] = []
  readonly #tx: Writer
  readonly #ctx: Context
  readonly #job: JobRow
  #row: ScheduleRow

  constructor(tx: Writer, ctx: Context, job: JobRow, row: ScheduleRow) {
    this.#tx = tx
    this.#ctx = ctx
    this.#job = job
    this.#row = row
  }

  /** A time that is due now. */
  async inTime(instance: Instance, blackouts: readonly BlackoutPlan[]): Promise<void> {
    const { at } = instance
    if (instance.skipped !== undefined) await this.#recordMissed('gap', at)
    else if (blackoutOf(blackouts, instance) !== undefined) await this.#recordMissed('blackout', at)
    else await this.#fire(at, null)
    this.#tx.putSchedule({ ...this.#row, after: at })
  }

  /**
   * Times that were missed, of which one may run late: only those before `end`, a time that has fired
   * already.
   */
  async catchUp(
    plan: Plan,
    blackouts: readonly BlackoutPlan[],
    { until, reason }: NonNullable<ScheduleRow['missed']>,
    end?: number,
  ): Promise<void> {
    const { now } = this.#tx
    const wanted = plan.schedule.catch_up
    // The last of all has fired, or comes after that time.
    const policy = reason === 'restored' || (end !== undefined && wanted === 'last') ? 'none' : wanted
    const some = end === undefined ? plan : endingBefore(plan, end)
    const asWanted = { ...some, schedule: { ...plan.schedule, catch_up: policy } }
    const { fire, position, skippedRanges, isDone } = catchUp(
      asWanted,
      blackouts,
      this.#row.after,
      until,
      now,
    )
    let fired = false
    for (const { reason: why, from, to, count, more } of skippedRanges) {
      if (fire !== undefined && !fired && from > fire.at) fired = await this.#late(fire, reason)
      const isReplaced = why === 'missed' && fire !== undefined
      await this.#recordMissed(
        why === 'missed' ? reason : why,
        from,
        { to, count, more: more === true },
        isReplaced,
      )
    }
    if (fire !== undefined && !fired) await this.#late(fire, reason)
    this.#tx.putSchedule({
      ...this.#row,
      after: position,
      missed: isDone && end === undefined && this.#isPast(until) ? null : this.#row.missed,
    })
  }

  /** Whether what the schedule itself has missed ends by a time. */
  #isPast(time: number): boolean {
    return this.#row.missed === null || this.#row.missed.until <= time
  }

  async #late({ at }: Instance, reason: NonNullable<ScheduleRow['missed']>['reason']): Promise<true> {
    await this.#fire(at, reason === 'restored' ? null : reason)
    return true
  }

  async #recordMissed(
    reason: MissedReason,
    from: number,
    { to, count, more }: { to: number; count: number; more: boolean } = { to: from, count: 1, more: false },
    isReplaced = false,
  ): Promise<void> {
    const before = this.#row.missed_id
    const missed = { reason, from, to, count, more }
    this.#row = await recordMissed(this.#tx, this.#ctx, this.#row, missed)
    this.decided.push({ notFired: reason, count })
    // People are told once about times that follow one another.
    if (this.#row.missed_id !== before && told.includes(reason) && !isReplaced)
      await noteNotFired(this.#tx, this.#ctx, this.#job, missed)
  }

  /** Makes the run of a time, unless a run before it or a quota keeps it from that. */
  async #fire(scheduled_for: number, catch_up: ExecutionRow['catch_up']): Promise<void> {
    const [tx, ctx, job] = [this.#tx, this.#ctx, this.#job]
    const { last_fired } = this.#row
    const fired = { last_fired: Math.max(scheduled_for, last_fired ?? 0), missed_id: null }
    const { name: job_name, namespace, owner } = job
    const origin = { job_name, namespace, owner, submitter: null, scheduled_for, catch_up }
    const prospect = await prospectOf(tx, job.body, origin)
    const made = await enqueue(tx, ctx, job, origin, { token_id: owner ?? 'schedule' })
    if (made.ok) {
      // Runs of earlier times of the schedule that have not begun, and now never will.
      for (const { scheduled_for: replaced } of prospect.ok ? prospect.value : [])
        if (replaced !== null) await this.#recordMissed('replaced', replaced)
      this.#row = { ...this.#row, ...fired }
      this.decided.push({ fired: scheduled_for })
      return
    }
    const { reason, detail = '' } = made.failure
    if (reason === 'already-running') return this.#recordMissed('overlap', scheduled_for)
    if (reason === 'quota-used-up' || reason === 'queue-full')
      return this.#recordMissed('queue-full', scheduled_for)
    // Such as an image that the rules of the namespace allow no more: whoever looks at the job must see that.
    const row = newExecution(tx, ctx, job, origin)
    tx.putDefinition({ group: row.group, ...withoutSchedule(job) })
    await put(tx, ctx, {
      ...row,
      state: 'failed',
      deadline: null,
      finished_at: tx.now,
      reason,
      error_message: detail,
    })
    this.#row = { ...this.#row, ...fired }
    this.decided.push({ fired: scheduled_for })
  }
}
