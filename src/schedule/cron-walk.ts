/*
 * The times of a cron pattern, one after the other. croner says which numbers a field stands for and which
 * dates come, each once; between two times of a day it is not asked: a time takes a thousandth of what croner
 * takes for it, and a schedule keeps nothing of croner, whose patterns have 80 kB each.
 */
import { Cron } from 'croner'

/** A time on a wall clock without a zone, in milliseconds, as if the zone were UTC. */
export type WallTime = number

/** The texts of the fields, from second to day of week. */
export type CronFields = readonly [string, string, string, string, string, string]

const second = 1000
const day = 86_400 * second

/** At each number the first one at or after it that a field stands for, or -1. */
type Table = Int8Array

interface TimeTables {
  hours: Table
  minutes: Table
  seconds: Table
}

/** The first date at or after one, each as its first instant. */
type Dates = (date: WallTime) => WallTime | undefined

/** The most fields of each kind that are kept; beyond it they are forgotten and looked up again. */
const mostKept = 256

/**
 * Walks through the times of patterns, with what was looked up of their fields: keep one for many patterns.
 */
export class CronWalks {
  readonly #tables = new Map<string, Table>()
  readonly #dates = new Map<string, Dates>()

  /**
   * Makes a function that finds the first time of a pattern at or after a given one. Throws croner's message
   * about a wrong field.
   */
  walk(fields: CronFields): (time: WallTime) => WallTime | undefined {
    const [seconds, minutes, hours, ...date] = fields
    const time: TimeTables = {
      seconds: this.#table(`${seconds} * * * * *`, second, 60),
      minutes: this.#table(`0 ${minutes} * * * *`, 60 * second, 60),
      hours: this.#table(`0 0 ${hours} * * *`, 3600 * second, 24),
    }
    const dateText = date.join(' ')
    this.#datesOf(dateText)
    const first = timeFrom(time, 0)
    return from => {
      const today = Math.floor(from / day) * day
      const next = this.#datesOf(dateText)
      let found = next(today)
      if (found === today) {
        const later = timeFrom(time, from - today)
        if (later !== -1) return today + later
        found = next(today + day)
      }
      return found === undefined ? undefined : found + first
    }
  }

  #table(text: string, unit: number, size: number): Table {
    // The text must be read for its unit: `0 0 * * * *` is one number as minutes, and all numbers as hours.
    return kept(this.#tables, `${unit} ${text}`, () => tableOf(text, unit, size))
  }

  #datesOf(text: string): Dates {
    return kept(this.#dates, text, () => datesOf(text))
  }
}

/** The first time of day, in milliseconds, at or after one; -1 where none is left. */
function timeFrom({ hours, minutes, seconds }: TimeTables, from: number): number {
  const total = Math.ceil(from / second)
  const [hour, minute] = [Math.floor(total / 3600), Math.floor(total / 60) % 60]
  let s = seconds[total % 60]!
  // Where no second is left in a minute, the next one may do; so it is with hours.
  const fromMinute = s === -1 ? minute + 1 : minute
  let m = minutes[fromMinute] ?? -1
  const fromHour = m === -1 ? hour + 1 : hour
  const h = hours[fromHour] ?? -1
  if (h === -1) return -1
  if (h !== hour) m = minutes[0]!
  if (h !== hour || m !== minute) s = seconds[0]!
  return ((h * 60 + m) * 60 + s) * second
}

function tableOf(text: string, unit: number, size: number): Table {
  const cron = croner(text)
  const table = new Int8Array(size).fill(-1)
  const start = Date.UTC(2000, 0)
  for (let number = 0; number < size; ) {
    const found = cron.nextRun(new Date(start + number * unit - 1))!.getTime() - start
    if (found >= size * unit) break
    table.fill(found / unit, number, found / unit + 1)
    number = found / unit + 1
  }
  return table
}

function datesOf(text: string): Dates {
  if (text === '* * *') return date => date
  const cron = croner(`0 0 0 ${text}`)
  /** No date before `found` is at or after `from`. */
  let last: { from: WallTime; found: WallTime | undefined } | undefined
  return date => {
    if (last === undefined || date < last.from || date > (last.found ?? Infinity))
      last = { from: date, found: cron.nextRun(new Date(date - 1))?.getTime() }
    return last.found
  }
}

/** With the name of a zone, UTC included, croner would ask Intl at each step, in ten times the time. */
const croner = (text: string) => new Cron(text, { utcOffset: 0, paused: true })

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  if (map.size >= mostKept) map.delete(map.keys().next().value!)
  map.set(key, made)
  return made
}
