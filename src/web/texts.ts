/* Texts of times, durations and sizes for people. */

/** `2026-11-30 14:03:07 GMT+1`: local, with its zone; text that is not a time stays as it is. */
export function localTime(at: string, timeZone?: string): string {
  const time = new Date(at)
  if (Number.isNaN(time.getTime())) return at
  // The locale of Sweden writes dates in the format of this page.
  return time.toLocaleString('sv-SE', { dateStyle: 'short', timeStyle: 'long', timeZone })
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
  const parts = [
    `${Math.floor(whole / 86_400)} d`,
    `${Math.floor(whole / 3600) % 24} h`,
    `${Math.floor(whole / 60) % 60} min`,
    `${whole % 60} s`,
  ]
  const first = parts.findIndex(part => !part.startsWith('0 '))
  const [most, rest = '0 '] = parts.slice(first, first + 2)
  return rest.startsWith('0 ') ? `${most}` : `${most} ${rest}`
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

/** The words of a field, with commas between them. */
export const wordsOf = (text: unknown): string[] => String(text ?? '').match(/[^\s,]([^,]*[^\s,])?/g) ?? []

/** A text that begins and ends as a sentence does. */
export function sentence(text: string): string {
  const whole = ended(text)
  return `${whole[0]?.toUpperCase() ?? ''}${whole.slice(1)}`
}

/** A text that ends as a sentence does. */
export function ended(text: string): string {
  const trimmed = text.trim()
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`
}
