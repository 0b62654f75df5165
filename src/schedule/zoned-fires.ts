/*
 * Finds the instants at which times of a wall clock come in a time zone. Between two changes of the clocks a
 * zone has one offset, so each stretch is walked as if it were UTC. The remaining wall times are those that a
 * change leaves out (a gap) or shows twice (an overlap).
 */
import { defined } from '../result.ts'
import type { CronPattern } from './cron-pattern.ts'
import type { WallTime } from './cron-walk.ts'

const day = 86_400_000

export interface ZoneRules {
  /** A fixed time in a gap runs at the first instant after it, or not at all. */
  gap: 'run' | 'skip'
  /** The runs of a fixed time that comes twice. */
  overlap: 'first' | 'last' | 'both'
}

/** Milliseconds since 1970. */
export type Instant = number

export interface Fire {
  at: Instant
  /** The clock change that has moved or doubled it. */
  note?: 'gap' | 'overlap'
}

/** A stretch in which the offset of a zone stays the same; without `begin` or `end` it has none. */
interface Stretch {
  /** Its first instant. */
  begin?: Instant
  /** The first instant of the next one. */
  end?: Instant
  /** Milliseconds from UTC to the wall clock. */
  offset: number
  /** The ones next to it, as soon as somebody has asked. */
  before?: Stretch
  after?: Stretch
}

/** Stretches of a zone that are kept: those of some hundred years. */
const mostStretches = 1000

/** A time zone, with what was looked up of its clock changes: keep one for many schedules. */
export class TimeZone {
  readonly name: string
  /** The known stretches, in the order of their first instants. */
  #stretches: Stretch[] = []
  /** The one that was asked for last: most often it is asked for again. */
  #last: Stretch | undefined

  /** Undefined where this program knows no such IANA name. */
  static named(name: string): TimeZone | undefined {
    try {
      // The zone may also be an offset, `+01:00`, which is not a name.
      if (!/^[a-z]/i.test(name)) return undefined
      return new TimeZone(Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId)
    } catch {
      return undefined
    }
  }

  private constructor(name: string) {
    this.name = name
  }

  /** The stretch that an instant is in. */
  at(instant: Instant): Stretch {
    if (this.#last === undefined || !isIn(this.#last, instant)) this.#last = this.#find(instant)
    return this.#last
  }

  before(stretch: Stretch): Stretch | undefined {
    if (stretch.begin === undefined) return undefined
    stretch.before ??= this.at(stretch.begin - 1)
    return stretch.before
  }

  after(stretch: Stretch): Stretch | undefined {
    if (stretch.end === undefined) return undefined
    stretch.after ??= this.at(stretch.end)
    return stretch.after
  }

  #find(instant: Instant): Stretch {
    // Finds the number of stretches that begin at the instant or before it.
    let [low, high] = [0, this.#stretches.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#stretches[middle]!.begin ?? -Infinity) <= instant) low = middle + 1
      else high = middle
    }
    const known = this.#stretches[low - 1]
    if (known !== undefined && isIn(known, instant)) return known
    const stretch = this.#lookUp(instant)
    if (this.#stretches.length < mostStretches) this.#stretches.splice(low, 0, stretch)
    else this.#stretches = [stretch]
    return stretch
  }

  #lookUp(instant: Instant): Stretch {
    const there = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.name)
    // A transition at this very instant does not count as previous.
    const begin = there.add({ milliseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds
    const end = there.getTimeZoneTransition('next')?.epochMilliseconds
    return { ...defined({ begin, end }), offset: there.offsetNanoseconds / 1e6 }
  }
}

const isIn = ({ begin = -Infinity, end = Infinity }: Stretch, instant: Instant) =>
  begin <= instant && instant < end

/**
 * The first instant after one at which one of the patterns is due in a time zone; undefined where none comes.
 * Times of several patterns that fall on one instant are one.
 */
export function fireAfter(
  patterns: readonly CronPattern[],
  zone: TimeZone,
  rules: ZoneRules,
  after: Instant,
): Fire | undefined {
  const fires = patterns.flatMap(pattern => fireOf(pattern, zone, rules, after) ?? [])
  return fires.reduce<Fire | undefined>(
    (first, fire) => (first && first.at <= fire.at ? first : fire),
    undefined,
  )
}

function fireOf(pattern: CronPattern, zone: TimeZone, rules: ZoneRules, after: Instant): Fire | undefined {
  let from = after + 1
  for (
    let stretch: Stretch | undefined = zone.at(from);
    stretch !== undefined;
    stretch = zone.after(stretch)
  ) {
    const fire = pattern.isFixed
      ? fixedIn(stretch, pattern, zone, rules, from)
      : steppingIn(stretch, pattern, from)
    if (fire !== undefined) return fire
    // No later stretch has what no wall clock will show again.
    if (stretch.end === undefined || pattern.from(from + stretch.offset - day) === undefined) return undefined
    from = stretch.end
  }
  return undefined
}

/** The first time of a pattern that simply goes on, in a stretch, at an instant or after it. */
function steppingIn({ end, offset }: Stretch, pattern: CronPattern, from: Instant): Fire | undefined {
  const wall = pattern.from(from + offset)
  return wall === undefined || wall - offset >= (end ?? Infinity) ? undefined : { at: wall - offset }
}

/** The first time of a pattern that names times, in a stretch, at an instant or after it. */
function fixedIn(
  stretch: Stretch,
  pattern: CronPattern,
  zone: TimeZone,
  rules: ZoneRules,
  from: Instant,
): Fire | undefined {
  const { begin, end = Infinity, offset } = stretch
  const before = zone.before(stretch)
  const next = zone.after(stretch)
  /** Where the wall clock of the stretch begins, and where that of the one before has ended. */
  const [first, last] =
    before === undefined ? [-Infinity, -Infinity] : [begin! + offset, begin! + before.offset]
  if (from === begin && last < first && rules.gap === 'run') {
    const missing = pattern.from(last)
    if (missing !== undefined && missing < first) return { at: begin, note: 'gap' }
  }
  const isSecond = (wall: WallTime) => wall < last
  const comesAgain = (wall: WallTime) => next !== undefined && wall >= end + next.offset
  const wall = pattern.from(rules.overlap === 'first' ? Math.max(from + offset, last) : from + offset)
  if (wall === undefined || wall - offset >= end) return undefined
  if (comesAgain(wall)) return rules.overlap === 'last' ? undefined : { at: wall - offset, note: 'overlap' }
  return { at: wall - offset, ...(isSecond(wall) && { note: 'overlap' }) }
}
