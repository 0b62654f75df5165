/* Reading and pausing schedules. */
import {
  type Missed,
  mostTimes,
  type NextTimes,
  type Paused,
  type ScheduleView,
} from '../../protocol/messages/schedules.ts'
import { ok, type Result } from '../../result.ts'
import { type Blackout, firstStarting } from '../../schedule/blackouts.ts'
import { nextTimes } from '../../schedule/next-times.ts'
import type { JobName, Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, jobKey, nameOfKey } from '../../store/rows.ts'
import type { ScheduleRow } from '../../store/schedule-rows.ts'
import type { Writer } from '../../store/writer.ts'
import { noJob } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import { time } from '../rules/times.ts'
import { type Listed, listed } from '../state/pages.ts'
import { planOf, serverBlackouts } from '../state/plans.ts'
import { type PausedAt, pausedIn, pausedSince, putPaused, withNext } from '../state/schedules.ts'
import { ifReadable, unreadable } from '../state/unreadable.ts'
import { scheduleView, shownMissed, shownSchedule } from '../views/schedule-view.ts'

/** What a list of schedules is asked for beside its page. */
export interface AskedSchedules {
  soonest?: boolean
  times?: number
  until?: string
}

/** The schedules that may be seen, in pages by their jobs, or those that are due next. */
export async function listSchedules(
  tx: Reader,
  ctx: Context,
  { namespaces }: Rights,
  page: Page,
  { soonest = false, times, until }: AskedSchedules = {},
): Promise<Result<Listed<ScheduleView>, Refusal>> {
  const end = until === undefined ? tx.now + 7 * day : Date.parse(until)
  if (Number.isNaN(end)) return refuse('malformed', 'until is not a time')
  if (times !== undefined && times * page.limit > mostTimes)
    return refuse(
      'malformed',
      `that are up to ${times * page.limit} times, and ${mostTimes} are the most: lower times or limit`,
    )
  const { items, next } = soonest
    ? { items: await tx.soonestSchedules(namespaces, page.limit, unreadable), next: null }
    : await listed(
        page,
        page => tx.listSchedules(namespaces, page, unreadable),
        row => ('unreadable' in row ? row.id : row.job),
      )
  const paused = await pausedIn(tx)
  const jobs = new Map<string, JobRow | undefined>()
  for (const row of items)
    if (!('unreadable' in row)) jobs.set(row.job, await ifReadable(tx.job(nameOfKey(row.job))))
  const rules = times === undefined ? [] : await serverBlackouts(tx, ctx)
  const show = (row: ScheduleRow) => {
    const job = jobs.get(row.job)
    const view = scheduleView(ctx, row, job, paused)
    if (times === undefined || job === undefined || !view.enabled) return view
    return { ...view, ...timesTo(tx, ctx, { job, row, rules, end, count: times }) }
  }
  return ok({ items: await Promise.all(items.map(row => shownSchedule(row, show))), next })
}

const day = 86_400_000

/** The next times of a schedule that start, `count` at most. */
function timesTo(
  tx: Reader,
  ctx: Context,
  asked: { job: JobRow; row: ScheduleRow; rules: Blackout[]; end: number; count: number },
): Pick<ScheduleView, 'times' | 'more'> {
  const { job, row, rules, end, count } = asked
  const planned = job.body.schedule ? planOf(ctx, job) : undefined
  if (!planned?.ok) return {}
  const { plan, blackouts } = planned.value
  const all = [...blackouts, ...rules]
  const times: string[] = []
  for (let from = firstShown(tx, row); ; ) {
    const { instance, looked } = firstStarting(plan, all, from, end)
    if (instance === undefined) return { times, more: looked < end }
    if (times.length === count) return { times, more: true }
    times.push(time(instance.at))
    from = instance.at
  }
}

/** From when on a schedule is shown: times that are due and not decided yet are among those that come. */
const firstShown = (tx: Reader, row: ScheduleRow | undefined): number =>
  Math.max(row?.after ?? tx.now, tx.now - undecidedFor)

/** The next times of a job, whether or not it is paused. */
export async function jobTimes(
  tx: Reader,
  ctx: Context,
  name: JobName,
  count: number,
): Promise<Result<NextTimes, Refusal>> {
  const found = await scheduled(tx, name)
  if (!found.ok) return found
  const { job, row } = found.value
  const planned = planOf(ctx, job)
  if (!planned.ok) return refuse('malformed', planned.failure)
  const { plan, blackouts } = planned.value
  const times = nextTimes(plan, blackouts, await serverBlackouts(tx, ctx), firstShown(tx, row), count)
  return ok({
    items: times.map(({ at, due, local, notes }) => ({
      scheduled_for: time(at),
      due_at: time(due),
      local,
      notes,
    })),
  })
}

/** Milliseconds for which a time that has passed is shown as one that comes. */
const undecidedFor = 60_000

/** What was not fired, of one job or of all that may be seen, the latest first. */
export async function listMissed(
  tx: Reader,
  { namespaces, namespace }: Rights,
  job: string | undefined,
  page: Page,
): Promise<Listed<Missed>> {
  const filter = {
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(job === undefined ? {} : { job: jobKey({ namespace, name: job }) }),
  }
  const { items, next } = await listed(
    page,
    page => tx.listMissed(filter, page, unreadable),
    ({ id }) => id,
  )
  return { items: await Promise.all(items.map(shownMissed)), next }
}

/** What a call has changed, as it was and as it is. */
interface Changed<T> {
  before: T
  after: T
}

/** Pauses the schedule of a job, or ends that; what is so already stays so. */
export async function pauseJob(
  tx: Writer,
  ctx: Context,
  name: JobName,
  isToPause: boolean,
): Promise<Result<Changed<ScheduleView>, Refusal>> {
  const found = await scheduled(tx, name)
  if (!found.ok) return found
  const { job, row } = found.value
  const planned = planOf(ctx, job)
  if (!planned.ok || row === undefined) return refuse('malformed', planned.ok ? undefined : planned.failure)
  const paused = await pausedIn(tx)
  const before = scheduleView(ctx, row, job, paused)
  const isPaused = row.paused_at !== null
  if (isPaused === isToPause) return ok({ before, after: before })
  const missed = { until: tx.now, reason: 'paused' as const }
  const changed = isToPause ? { ...row, paused_at: tx.now } : { ...row, paused_at: null, missed }
  const next = withNext(changed, planned.value)
  tx.putSchedule(next)
  return ok({ before, after: scheduleView(ctx, next, job, paused) })
}

/**
 * Pauses all schedules that the caller reaches, or ends that; those of a namespace that are paused with all others stay
 * paused until all are resumed.
 */
export async function pauseAll(
  tx: Writer,
  { namespaces }: Rights,
  isToPause: boolean,
): Promise<Changed<Paused>> {
  const paused = await pausedIn(tx)
  const named = namespaces ?? ['*']
  const before = pausedOf(named, paused)
  const resumed = namespaces ?? [...paused.keys()]
  for (const name of isToPause ? named : resumed)
    if (isToPause) paused.set(name, paused.get(name) ?? tx.now)
    else paused.delete(name)
  putPaused(tx, paused)
  for (const namespace of namespaces ?? [null]) tx.notify({ about: 'schedules', namespace })
  // Those that were due meanwhile are looked at again.
  if (!isToPause)
    for (const namespace of namespaces ?? [undefined])
      await tx.staleAll({ parked: true, ...(namespace === undefined ? {} : { namespace }) })
  return { before, after: pausedOf(named, paused) }
}

function pausedOf(namespaces: readonly string[], paused: PausedAt): Paused {
  const first = Math.min(...namespaces.map(name => pausedSince(paused, name) ?? Infinity))
  return { namespaces: [...namespaces], paused_at: first === Infinity ? null : time(first) }
}

/** A job with a schedule, and where that stands. */
async function scheduled(
  tx: Reader,
  name: JobName,
): Promise<Result<{ job: JobRow; row: ScheduleRow | undefined }, Refusal>> {
  const job = await tx.job(name)
  if (job === undefined) return noJob(name)
  if (!job.body.schedule)
    return refuse('not-found', `job ${name.name} has no schedule: put it with one (--cron, --every or --at)`)
  return ok({ job, row: await tx.schedule(jobKey(name)) })
}
