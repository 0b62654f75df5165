import { mostTimes, type ScheduleView } from '../../protocol/messages/schedules.ts'
import { ok, type Result } from '../../result.ts'
import { type BlackoutPlan, firstStarting } from '../../schedule/blackouts.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, nameOfKey } from '../../store/rows.ts'
import type { ScheduleRow } from '../../store/schedule-rows.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import { time } from '../rules/times.ts'
import { type Listed, listed } from '../state/pages.ts'
import { planOf, serverBlackouts } from '../state/plans.ts'
import { firstShown } from '../state/scheduled-job.ts'
import { pausedIn } from '../state/schedules.ts'
import { ifReadable, unreadable } from '../state/unreadable.ts'
import { scheduleView, shownSchedule } from '../views/schedule-view.ts'

/** The filters of a list of schedules, beside its page. */
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
  asked: { job: JobRow; row: ScheduleRow; rules: BlackoutPlan[]; end: number; count: number },
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
