/* What the page says of jobs and their schedules, without showing it. */
import type { MissedReason, ScheduleView } from '../protocol/messages/schedules.ts'

export interface Named {
  name: string
  namespace: string
}

/** The address of a call about a job; `what` is behind its name. */
export const jobCall = ({ name, namespace }: Named, what = ''): string =>
  `/v1/jobs/${encodeURIComponent(name)}${what}?namespace=${encodeURIComponent(namespace)}`

/** Why a time was not fired, in the words of the commands: the page imports only types of the protocol. */
export const missedTexts: Record<MissedReason, string> = {
  outage: 'no server ran',
  paused: 'schedules were paused',
  blackout: 'it fell in a blackout',
  gap: 'the clocks left it out, and dst_gap is skip',
  overlap: 'the run before had not ended, and concurrency is forbid',
  'queue-full': 'as many runs were waiting as may wait',
  replaced: 'a newer run took the place of the waiting one',
  restored: 'the store was restored from a backup of before',
  disabled: 'the schedule was not enabled',
  clock: 'the clock of the server was wrong, or jumped',
}

/** `97 %`; a share that is not all is never shown as 100 %. */
export function shareText(share: number | null): string {
  if (share === null) return '–'
  const percent = Math.round(share * 100)
  return `${share < 1 && percent === 100 ? 99 : percent} %`
}

/** What a run of a usual duration has done of it, from 0 to 1; undefined where that is not known. */
export function progressOf(seconds: number, usual: number | null | undefined): number | undefined {
  if (usual === null || usual === undefined || usual <= 0) return undefined
  return Math.min(1, Math.max(0, seconds / usual))
}

/** A day of the calendar: its local date, and at each hour the jobs that start, in the order of their times. */
export interface CalendarDay {
  date: Date
  hours: Map<number, CalendarStart[]>
}

export interface CalendarStart {
  schedule: ScheduleView
  /** Its times in this hour, the earliest first. */
  times: string[]
}

/** Days that the calendar shows. */
export const calendarDays = 7

/** The local days from now on, and at which hours what starts. Jobs with too many times are left to the other list. */
export function calendarOf(schedules: readonly ScheduleView[], now: Date): CalendarDay[] {
  const days = Array.from({ length: calendarDays }, (_, index): CalendarDay => {
    const date = new Date(now.getFullYear(), now.getMonth(), now.getDate() + index)
    return { date, hours: new Map() }
  })
  const byDate = new Map(days.map(day => [day.date.toDateString(), day]))
  const starts = schedules
    .filter(schedule => schedule.more !== true)
    .flatMap(schedule => (schedule.times ?? []).map(at => ({ schedule, at })))
    .toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at))
  for (const { schedule, at } of starts) {
    const time = new Date(at)
    const hours = byDate.get(time.toDateString())?.hours
    if (hours === undefined) continue
    const cell = hours.get(time.getHours()) ?? []
    hours.set(time.getHours(), cell)
    const known = cell.find(start => start.schedule === schedule)
    if (known === undefined) cell.push({ schedule, times: [at] })
    else known.times.push(at)
  }
  return days
}

/** The hours in which something starts on any of the days. */
export const busyHours = (days: readonly CalendarDay[]): number[] =>
  [...new Set(days.flatMap(({ hours }) => [...hours.keys()]))].toSorted((one, other) => one - other)

/**
 * Where a text of JSON has the field that a complaint of the server names: `schedule.cron in the body …`, `/name is …` or
 * `… an unknown field "imag"`; undefined: it names none that is there.
 */
export function placeOf(text: string, complaint: string): { from: number; to: number } | undefined {
  const [, dotted, pointer] = /^(?:([\w.-]+) in |((?:\/[\w.~-]+)+))/.exec(complaint) ?? []
  const unknown = /unknown field ["']([^"']+)["']/.exec(complaint)?.[1]
  const parts = [...(dotted?.split('.') ?? pointer?.slice(1).split('/') ?? []), ...(unknown ? [unknown] : [])]
  let place: { from: number; to: number } | undefined
  for (const part of parts) {
    const key = JSON.stringify(part)
    const from = text.indexOf(`${key}:`, place?.to ?? 0)
    // Items of an array have no key, and what is missing is not there.
    if (from >= 0) place = { from, to: from + key.length }
  }
  return place
}
