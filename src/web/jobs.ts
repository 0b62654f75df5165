/* Texts and figures about jobs and their schedules, without markup. */
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

/** The done part of a run, from 0 to 1, by its usual duration; undefined if that is not known. */
export function progressOf(seconds: number, usual: number | null | undefined): number | undefined {
  if (usual === null || usual === undefined || usual <= 0) return undefined
  return Math.min(1, Math.max(0, seconds / usual))
}

/** A job that starts in an hour of the calendar. */
export interface CalendarStart {
  schedule: ScheduleView
  /** Its times in this hour, the earliest first. */
  times: Date[]
}

/** The starts of the next 7 local days: at each local hour that has one, for each of the days. */
export interface Calendar {
  days: Date[]
  hours: { hour: number; starts: CalendarStart[][] }[]
}

/** The calendar from now on. Jobs with too many times are left to the other list. */
export function calendarOf(schedules: readonly ScheduleView[], now: Date): Calendar {
  const days = Array.from(
    { length: 7 },
    (_, index) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + index),
  )
  const names = days.map(day => day.toDateString())
  const starts = schedules
    .filter(schedule => schedule.more !== true)
    .flatMap(schedule => (schedule.times ?? []).map(at => ({ schedule, time: new Date(at) })))
    .map(start => ({ ...start, day: names.indexOf(start.time.toDateString()) }))
    .filter(({ day }) => day >= 0)
    .toSorted((one, other) => one.time.getTime() - other.time.getTime())
  const hours = [...Map.groupBy(starts, ({ time }) => time.getHours())].map(([hour, inHour]) => ({
    hour,
    starts: days.map((_, index) => {
      const onDay = inHour.filter(({ day }) => day === index)
      const bySchedule = [...Map.groupBy(onDay, ({ schedule }) => schedule)]
      return bySchedule.map(([schedule, all]) => ({ schedule, times: all.map(({ time }) => time) }))
    }),
  }))
  return { days, hours: hours.toSorted((one, other) => one.hour - other.hour) }
}

/**
 * Where a text of JSON has the field that a complaint of the server names: `schedule.cron in the body …`,
 * `/name is …` or `… an unknown field "imag"`; undefined: it names none that is there.
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
