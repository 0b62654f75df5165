/* Texts of times, durations and sizes for people. */

/** `2026-11-30 14:03:07 GMT+1`: local, with its zone; nothing where it is not a time. */
export function localTime(at: string, timeZone?: string): string {
  const time = new Date(at)
  if (Number.isNaN(time.getTime())) return at
  const parts = new Intl.DateTimeFormat('en-GB', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).formatToParts(time)
  const of = (type: Intl.DateTimeFormatPartTypes) => parts.find(part => part.type === type)?.value ?? ''
  return `${of('year')}-${of('month')}-${of('day')} ${of('hour')}:${of('minute')}:${of('second')} ${of('timeZoneName')}`
}

/** `2026-11-30 13:03:07 UTC`. */
export const utcTime = (at: string): string => localTime(at, 'UTC')

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 0) return `-${durationText(-seconds)}`
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const first = units.findIndex(([, size]) => whole >= size)
  return units
    .slice(first, first + 2)
    .map(
      ([unit, size], index) =>
        [unit, Math.floor(index === 0 ? whole / size : (whole % units[first]![1]) / size)] as const,
    )
    .filter(([, count], index) => index === 0 || count > 0)
    .map(([unit, count]) => `${count} ${unit}`)
    .join(' ')
}

/** `512 B`, `1.4 KiB`, `100 MiB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const count = bytes / 1024 ** power
  return `${power === 0 || count >= 99.95 ? Math.round(count) : Number(count.toFixed(1))} ${units[power]}`
}

/** Seconds between two times, or until now. */
export const secondsBetween = (from: string, to: string | null | undefined, now: number): number =>
  ((to === null || to === undefined ? now : Date.parse(to)) - Date.parse(from)) / 1000
