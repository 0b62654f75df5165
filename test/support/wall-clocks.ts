/*
 * An oracle for schedules: the minutes of a zone around one of its clock changes, each as Temporal shows it, and the rules of
 * the contract on this list. It shares nothing with src/schedule.
 */
import fc from 'fast-check'

const minute = 60_000
const hour = 60 * minute

export const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Asia/Kathmandu',
  'Africa/Casablanca',
  'Pacific/Apia',
  'America/Havana',
  'Asia/Tehran',
  'Europe/Dublin',
  'Antarctica/Troll',
  'Pacific/Chatham',
]

/** A minute on the clocks of a wall. */
interface WallMinute {
  minute: number
  hour: number
  day: number
  month: number
  /** Sunday is 0. */
  weekday: number
  daysInMonth: number
  /** When the clocks show it: once, twice, or not at all, and then only when the gap ends. */
  shown: number[]
  gapEnd?: number
}

interface DrawnField {
  text: string
  fits(n: number, date: WallMinute): boolean
}

export interface DrawnPattern {
  text: string
  /** From second to day of week. */
  fields: DrawnField[]
}

export interface DrawnRules {
  gap: 'run' | 'skip'
  overlap: 'first' | 'last' | 'both'
}

export const drawnRules: fc.Arbitrary<DrawnRules> = fc.record({
  gap: fc.constantFrom('run', 'skip'),
  overlap: fc.constantFrom('first', 'last', 'both'),
})

const field = (low: number, high: number): fc.Arbitrary<DrawnField> =>
  fc.oneof(
    fc.constant({ text: '*', fits: () => true }),
    fc
      .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 3 })
      .map(list => ({ text: list.join(','), fits: (n: number) => list.includes(n) })),
    fc
      .integer({ min: 2, max: Math.max(2, (high - low) >> 1) })
      .map(step => ({ text: `*/${step}`, fits: (n: number) => (n - low) % step === 0 })),
    fc
      .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
      .map(ends => ends.toSorted((a, b) => a - b) as [number, number])
      .map(([from, to]) => ({ text: `${from}-${to}`, fits: (n: number) => n >= from && n <= to })),
  )

const monthNames = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const dayNames = 'SUN MON TUE WED THU FRI SAT'.split(' ')

const dayOfMonth = fc.oneof(
  { arbitrary: field(1, 31), weight: 6 },
  {
    arbitrary: fc.constant({ text: 'L', fits: (n: number, date: WallMinute) => n === date.daysInMonth }),
    weight: 1,
  },
)
const month = fc.oneof(
  { arbitrary: field(1, 12), weight: 6 },
  {
    arbitrary: fc.nat(11).map(index => ({ text: monthNames[index]!, fits: (n: number) => n === index + 1 })),
    weight: 1,
  },
)
const dayOfWeek = fc.oneof(
  { arbitrary: field(0, 6), weight: 6 },
  {
    arbitrary: fc
      .tuple(fc.nat(6), fc.constantFrom('', '#1', '#2', '#3', '#4', '#5', '#L'))
      .map(([weekday, nth]) => ({
        text: dayNames[weekday]! + nth,
        fits: (n: number, { day, daysInMonth }: WallMinute) =>
          n === weekday &&
          (nth === '' || (nth === '#L' ? day + 7 > daysInMonth : Math.ceil(day / 7) === Number(nth[1]))),
      })),
    weight: 2,
  },
)

const listOf = (...numbers: number[]): fc.Arbitrary<DrawnField> =>
  fc
    .subarray(numbers, { minLength: 1, maxLength: Math.min(3, numbers.length) })
    .map(list => ({ text: list.join(','), fits: (n: number) => list.includes(n) }))
const always: fc.Arbitrary<DrawnField> = fc.constant({ text: '*', fits: () => true })
const onTheMinute = listOf(0)

const patternOf = (fields: DrawnField[], count: 5 | 6): DrawnPattern => ({
  fields,
  text: fields
    .slice(6 - count)
    .map(({ text }) => text)
    .join(' '),
})

/** Fixed times of each day at the hours at which clocks change, so that many meet at the edges of a change. */
const nightly: fc.Arbitrary<DrawnPattern> = fc
  .tuple(onTheMinute, listOf(0, 15, 30, 45), listOf(0, 1, 2, 3, 4, 23), always, always, always)
  .map(drawn => patternOf(drawn, 5))

/** Such that something comes on each day. */
export const daily: fc.Arbitrary<DrawnPattern> = fc.oneof(
  fc.tuple(onTheMinute, field(0, 59), field(0, 23), always, always, always).map(drawn => patternOf(drawn, 5)),
  nightly,
)

/** Patterns of five fields, or of six. */
export function drawnPattern(count: 5 | 6): fc.Arbitrary<DrawnPattern> {
  const second = count === 6 ? field(0, 59) : onTheMinute
  const any = fc
    .tuple(second, field(0, 59), field(0, 23), dayOfMonth, month, dayOfWeek)
    .map(drawn => patternOf(drawn, count))
  return count === 6 ? any : fc.oneof({ arbitrary: any, weight: 3 }, { arbitrary: nightly, weight: 1 })
}

/** The clocks of a zone for some hours, in which they change where the zone has a change to come. */
export function drawnClocks(hours: number): fc.Arbitrary<WallClocks> {
  return fc
    .record({
      zone: fc.constantFrom(...zones),
      near: fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) }),
      /** Minutes from the beginning to the change. */
      before: fc.integer({ min: 0, max: hours * 50 }),
    })
    .map(({ zone, near, before }) => {
      const start = Temporal.Instant.fromEpochMilliseconds(near).toZonedDateTimeISO(zone)
      const change = start.getTimeZoneTransition('next') ?? start
      const begin = (Math.floor(change.epochMilliseconds / minute) - before) * minute
      return new WallClocks(zone, begin, begin + hours * hour)
    })
}

/** Clocks change by two hours at most here, from 2020 to 2040. */
const margin = 3 * hour

export class WallClocks {
  readonly zone: string
  readonly begin: number
  readonly end: number
  readonly #minutes: WallMinute[]

  constructor(zone: string, begin: number, end: number) {
    this.zone = zone
    this.begin = begin
    this.end = end
    const found = new Map<number, WallMinute>()
    let last: number | undefined
    for (let at = begin - margin; at < end + margin; at += minute) {
      const wall = wallOf(at, zone)
      // The minutes that no clock has shown.
      for (let missing = (last ?? wall) + minute; missing < wall; missing += minute)
        found.set(missing, { ...wallMinute(missing), gapEnd: at })
      const known = found.get(wall) ?? wallMinute(wall)
      known.shown.push(at)
      found.set(wall, known)
      last = wall
    }
    this.#minutes = [...found.values()]
  }

  toString(): string {
    return `${this.zone} from ${new Date(this.begin).toISOString()}`
  }

  /** When a pattern is due from `begin` to before `end`, in this order, by the rules. */
  fires({ fields }: DrawnPattern, { gap, overlap }: DrawnRules): number[] {
    const [seconds, minutes, hours, days, months, weekdays] = fields as [
      DrawnField,
      DrawnField,
      DrawnField,
      DrawnField,
      DrawnField,
      DrawnField,
    ]
    const isFixed = ![seconds, minutes, hours].some(({ text }) => /[*/]/.test(text))
    const milliseconds = Array.from({ length: 60 }, (_, n) => n).filter(n =>
      seconds.fits(n, this.#minutes[0]!),
    )
    const found = new Set<number>()
    for (const wall of this.#minutes) {
      if (!minutes.fits(wall.minute, wall) || !hours.fits(wall.hour, wall)) continue
      const [isDay, isWeekday] = [days.fits(wall.day, wall), weekdays.fits(wall.weekday, wall)]
      const isEither = days.text !== '*' && weekdays.text !== '*'
      if (!months.fits(wall.month, wall) || !(isEither ? isDay || isWeekday : isDay && isWeekday)) continue
      if (wall.gapEnd !== undefined) {
        if (isFixed && gap === 'run') found.add(wall.gapEnd)
        continue
      }
      const shown =
        !isFixed || overlap === 'both'
          ? wall.shown
          : [overlap === 'first' ? wall.shown[0]! : wall.shown.at(-1)!]
      for (const at of shown) for (const second of milliseconds) found.add(at + second * 1000)
    }
    return [...found].filter(at => at >= this.begin && at < this.end).sort((a, b) => a - b)
  }
}

/** The time on the clocks of a zone, as if it were UTC. */
function wallOf(at: number, zone: string): number {
  const shown = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
  return Date.UTC(shown.year, shown.month - 1, shown.day, shown.hour, shown.minute)
}

function wallMinute(wall: number): WallMinute {
  const date = new Date(wall)
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
    daysInMonth: new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate(),
    shown: [],
  }
}
