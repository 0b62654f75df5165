/*
 * Cron patterns, as times on the clock of a wall; zoned-fires.ts applies a time zone to them. The grammar is
 * that of croner, in a part that other programs share: five fields, or six with seconds first, or a name such
 * as @daily; and `H` for a number that differs from job to job.
 */
import { hash as digest } from 'node:crypto'
import { errorText, fail, ok, type Result } from '../result.ts'
import type { CronFields, CronWalks, WallTime } from './cron-walk.ts'

export interface CronPattern {
  /** The fields, with a number for each `H`. */
  text: string
  /**
   * Whether it names times (`30 2,14 * * *`), which run once each day whatever the clocks do. One with a
   * wildcard or a step in its time goes on through a change of the clocks, as `0 * * * *` does.
   */
  isFixed: boolean
  /** The first time at or after this one; undefined where none comes. */
  from(time: WallTime): WallTime | undefined
}

interface Field {
  name: string
  low: number
  high: number
  /** The highest number that `H` stands for, where that is another one. */
  highest?: number
  words?: RegExp
}

const fields: readonly Field[] = [
  { name: 'second', low: 0, high: 59 },
  { name: 'minute', low: 0, high: 59 },
  { name: 'hour', low: 0, high: 23 },
  // No month ends before its 28th day.
  { name: 'day of month', low: 1, high: 31, highest: 28, words: /^(L|L?W)$/i },
  { name: 'month', low: 1, high: 12, words: /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)$/i },
  { name: 'day of week', low: 0, high: 7, highest: 6, words: /^((sun|mon|tue|wed|thu|fri|sat)L?|L)$/i },
]

const names: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/** Longer ones are lists that nobody has written. */
const longest = 500

const mostPatterns = 32

/**
 * Reads a pattern. `seed` decides what `H` stands for: the same seed gives the same numbers, for ever.
 * Fails with a sentence about a pattern that is none, or that never comes.
 */
export function parseCron(pattern: string, seed: string, walks: CronWalks): Result<CronPattern, string> {
  const words = (names[pattern.trim().toLowerCase()] ?? pattern).trim().split(/\s+/)
  if (pattern.length > longest) return fail(`a cron pattern has at most ${longest} characters`)
  if (words[0]!.startsWith('@'))
    return fail(`no pattern is called ${words[0]}: ${Object.keys(names).join(', ')} are`)
  if (words.length !== 5 && words.length !== 6)
    return fail(
      'a cron pattern has five fields (minute, hour, day of month, month, day of week), ' +
        `or six with seconds before them: this has ${words.length}`,
    )
  const texts: string[] = []
  for (const [index, word] of words.entries()) {
    const field = fields[index + fields.length - words.length]!
    const text = withoutHash(word, field, seed)
    const wrong = wrongPart(text, field)
    if (wrong !== undefined)
      return fail(`\`${wrong}\` in \`${pattern}\` is no ${field.name}${rangeOf(field)}`)
    texts.push(text)
  }
  const text = texts.join(' ')
  const isFixed = !texts.slice(0, words.length - 3).some(field => /[*?/]/.test(field))
  try {
    // With a second before five fields there are six, which was checked above: an array does not say how many
    // it has.
    const all = [...(words.length === 5 ? ['0'] : []), ...texts]
    const from = walks.walk(all as unknown as CronFields)
    if (from(Date.UTC(2000, 0)) === undefined) return fail(`\`${pattern}\` never comes`)
    return ok({ text, isFixed, from })
  } catch (error) {
    return fail(`\`${pattern}\` is no cron pattern: ${errorText(error).replace(/^\w+: /, '')}`)
  }
}

/** Reads the one or the several patterns of a schedule or a blackout. */
export function parseCrons(
  cron: string | string[],
  seed: string,
  walks: CronWalks,
): Result<CronPattern[], string> {
  const texts = [cron].flat()
  if (texts.length === 0) return fail('cron has at least one pattern: its list is empty')
  if (texts.length > mostPatterns) return fail(`cron has at most ${mostPatterns} patterns`)
  const patterns: CronPattern[] = []
  for (const text of texts) {
    const pattern = parseCron(text, seed, walks)
    if (!pattern.ok) return pattern
    patterns.push(pattern.value)
  }
  return ok(patterns)
}

const rangeOf = ({ low, high }: Field): string => ` (${low} to ${high})`

/** The first part of a field that cannot be meant; croner says of the rest what is wrong with it. */
function wrongPart(text: string, { low, high, words }: Field): string | undefined {
  return text
    .replace(/\/\d+/g, '')
    .replace(/#[\dL]|(?<=\d)[LW]/gi, '')
    .split(/[,-]/)
    .find(part => {
      if (/^\d+$/.test(part)) return Number(part) < low || Number(part) > high
      return !/^[*?]$/.test(part) && !words?.test(part)
    })
}

/** A field with numbers for `H`, `H/n`, `H(a-b)` and `H(a-b)/n`. */
function withoutHash(text: string, field: Field, seed: string): string {
  return text.replace(
    /\bH(?:\((\d+)-(\d+)\))?(?:\/(\d+))?(?![\w(])/g,
    (whole, from?: string, to?: string, step?: string) => {
      const low = from === undefined ? field.low : Number(from)
      const high = to === undefined ? (field.highest ?? field.high) : Number(to)
      const size = step === undefined ? high - low + 1 : Math.min(Number(step), high - low + 1)
      if (low < field.low || high > field.high || size < 1) return whole
      const first = low + hash(`${seed} ${field.name}`, size)
      return step === undefined ? String(first) : `${first}-${high}/${step}`
    },
  )
}

/** A number from 0 to below `size`, the same for the same text, for ever. */
export function hash(text: string, size: number): number {
  // 52 bits, which a number holds exactly.
  return Number.parseInt(digest('sha256', text).slice(0, 13), 16) % size
}
