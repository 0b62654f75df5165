import type { Missed, NextTimes, ScheduleView } from '../protocol/messages/schedules.ts'
import { missedReasons } from '../protocol/missed-reasons.ts'
import { counted } from '../system/counted.ts'
import { harmless } from '../system/printable.ts'
import { columns } from './columns.ts'
import { localTime } from './local-time.ts'
import { fromNow, namedZonedTime, zonedTime } from './zoned-time.ts'

/** The zone of a schedule. */
const zoneOf = ({ schedule }: ScheduleView): string => schedule?.time_zone ?? 'UTC'

/** Sorts schedules by their next times; those without one come last, by their names. */
export function byNextTime(one: ScheduleView, other: ScheduleView): number {
  const [a, b] = [one.due_at ?? '~', other.due_at ?? '~']
  if (a !== b) return a < b ? -1 : 1
  return `${one.namespace}/${one.job}` < `${other.namespace}/${other.job}` ? -1 : 1
}

/** Schedules as a table; each time is that of the clocks in the zone of its schedule. */
export function schedulesText(schedules: readonly ScheduleView[], now: Date): string {
  if (schedules.length === 0) return 'no job has a schedule\n'
  const several = schedules.some(({ namespace }) => namespace !== 'default')
  const rows = schedules.map(view => [
    ...(several ? [view.namespace] : []),
    view.job,
    view.text,
    nextOf(view),
    view.due_at === null ? '' : fromNow(view.due_at, now),
    view.last_scheduled_for === null ? '' : zonedTime(view.last_scheduled_for, zoneOf(view)),
    stateOf(view),
  ])
  const head = [...(several ? ['namespace'] : []), 'job', 'schedule', 'next', '', 'last', 'state']
  return columns([head, ...rows]) + problemLines(schedules)
}

/**
 * The next time, on the clocks of the schedule's zone; empty for a schedule that is paused or not enabled,
 * which may have one later.
 */
export function nextOf(view: ScheduleView): string {
  if (view.scheduled_for !== null) return zonedTime(view.scheduled_for, zoneOf(view))
  return view.enabled && view.paused_at === null ? 'never' : ''
}

function stateOf({ enabled, paused_at }: ScheduleView): string {
  if (paused_at !== null) return `paused since ${localTime(paused_at)}`
  return enabled ? 'enabled' : 'disabled'
}

/** The lines about schedules that cannot be computed. */
export const problemLines = (schedules: readonly ScheduleView[]): string =>
  schedules
    .flatMap(({ job, problem }) => (problem === undefined ? [] : [`${job}: ${harmless(problem)}\n`]))
    .join('')

/** The next times of a job, in its zone and in UTC; sentences about one are below it. */
export function nextTimesText({ items }: NextTimes, now: Date): string {
  const rows = items.map(({ scheduled_for, due_at, local }) => [
    zonedTime(scheduled_for, zoneIn(local)),
    zonedTime(scheduled_for, 'UTC'),
    due_at === scheduled_for ? '' : zonedTime(due_at, zoneIn(local)),
    fromNow(due_at, now),
  ])
  const jitters = rows.some(([, , due]) => due !== '')
  const zone = zoneIn(items[0]?.local ?? '')
  // A column that is empty in each row is left out.
  const kept = (row: readonly string[]) =>
    row.filter((_, column) => (column !== 1 || zone !== 'UTC') && (column !== 2 || jitters))
  const table = columns([kept([zone, 'UTC', 'with jitter', '']), ...rows.map(kept)])
  const [head, ...lines] = table.trimEnd().split('\n')
  const told = lines.flatMap((line, at) => [line, ...items[at]!.notes.map(note => `  ${harmless(note)}`)])
  return [head, ...told].map(line => `${line}\n`).join('')
}

/** The zone of `2026-03-29T03:00:00+02:00[Europe/Berlin]`. */
const zoneIn = (local: string): string => /\[([^\]]+)\]$/.exec(local)?.[1] ?? 'UTC'

/** When a job runs next: `Tue 1 Dec 2026 02:30 (Europe/Berlin), in 7 h`. */
export function nextText({ scheduled_for, due_at, local }: NextTimes['items'][number], now: Date): string {
  const jitter = due_at === scheduled_for ? '' : ' with its jitter'
  return `${namedZonedTime(scheduled_for, zoneIn(local))}, ${fromNow(due_at, now)}${jitter}`
}

/** The times that were not fired, with their reasons. */
export function missedText(missed: readonly Missed[]): string {
  const several = missed.some(({ namespace }) => namespace !== 'default')
  const rows = missed.map(one => [
    ...(several ? [one.namespace] : []),
    one.job,
    timesOf(one),
    localTime(one.from),
    one.to === one.from ? '' : localTime(one.to),
    whyMissed(one),
  ])
  return columns([[...(several ? ['namespace'] : []), 'job', 'not fired', 'from', 'to', 'why'], ...rows])
}

const timesOf = ({ count, more }: Missed): string =>
  more ? `more than ${counted(count, 'time')}` : counted(count, 'time')

/** The reason in words; a newer server may have one that this program does not know. */
const whyMissed = ({ reason }: Missed): string =>
  (missedReasons as Record<string, string>)[reason] ?? reason.replaceAll('-', ' ')
