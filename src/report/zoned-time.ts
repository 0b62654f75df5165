/* Times of schedules for people: as the clocks of a zone show them, and how far away they are. */

/** Names in the order of Temporal: a week begins with Monday, a year with month 1. */
const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * `Tue 1 Dec 2026 02:30`, with seconds where there are some; in UTC where this program does not know the
 * zone.
 */
export function zonedTime(at: string, zone: string): string {
  const { date, clock } = partsOf(at, zone)
  return `${days[date.dayOfWeek - 1]} ${date.day} ${months[date.month - 1]} ${date.year} ${clock}`
}

/** The same with the name of the zone: `Tue 1 Dec 2026 02:30 (Europe/Berlin)`. */
export const namedZonedTime = (at: string, zone: string): string =>
  `${zonedTime(at, zone)} (${isKnown(zone) ? zone : 'UTC'})`

function partsOf(at: string, zone: string) {
  const time = Temporal.Instant.from(at).toZonedDateTimeISO(isKnown(zone) ? zone : 'UTC')
  const clock = time.toPlainTime().toString({ smallestUnit: time.second === 0 ? 'minute' : 'second' })
  return { date: time.toPlainDate(), clock }
}

function isKnown(zone: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone)
    return true
  } catch {
    return false
  }
}

/** Seconds as a person says them: `45 s`, `12 min`, `7 h`, `6 h 30 min`, `3 days`. */
export function roughDuration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const rest = minutes % 60 === 0 ? '' : ` ${minutes % 60} min`
  if (minutes < 36 * 60) return `${Math.floor(minutes / 60)} h${rest}`
  return `${Math.round(seconds / 86_400)} days`
}

/** The distance of a time from now: `in 7 h`, `12 min ago`, `now`. */
export function fromNow(at: string, now: Date): string {
  const seconds = (Date.parse(at) - now.getTime()) / 1000
  if (Math.abs(seconds) < 1) return 'now'
  return seconds > 0 ? `in ${roughDuration(seconds)}` : `${roughDuration(-seconds)} ago`
}
