/*
 * Schedules: when a job is due. `compile` checks what a person has put and gives a plan, which says what
 * comes after an instant and depends on nothing else. So what was worked through of a schedule is one
 * instant: a position.
 */
import { defined, fail, ok, type Result } from '../result.ts'
import { type CronPattern, hash, parseCrons } from './cron-pattern.ts'
import type { ScheduleCache } from './schedule-cache.ts'
import { type Fire, fireAfter, type Instant, type TimeZone } from './zoned-fires.ts'

/**
 * A schedule in the form that a job has in the protocol; times are RFC 3339. It has exactly one of `cron`,
 * `every` and `at`.
 */
export interface ScheduleRule {
  cron?: string | string[]
  /** At the anchor, 1970-01-01T00:00:00Z where none is given, and then again and again. */
  every?: { seconds: number; anchor?: string }
  /** Once. */
  at?: string
  /** An IANA name; UTC where none is given. */
  time_zone?: string
  /** Each instance is due up to so many seconds late, by a hash of the job and its time. */
  jitter_seconds?: number
  /** Which of the instances that were missed start late. */
  catch_up?: 'none' | 'last' | 'all'
  /** Instances that are older start no more; null: for ever. */
  catch_up_window_seconds?: number | null
  /** A fixed time that the clocks leave out runs at the first instant after the gap, or not at all. */
  dst_gap?: 'run' | 'skip'
  /** The runs of a fixed time that the clocks show twice. */
  dst_overlap?: 'first' | 'last' | 'both'
  /** The first instant that belongs to the schedule. */
  starts_at?: string
  /** The first instant that no longer belongs to it. */
  ends_at?: string
  enabled?: boolean
}

type Defaulted = Exclude<keyof ScheduleRule, 'cron' | 'every' | 'at' | 'starts_at' | 'ends_at'>

/** A schedule with a value for each key that has a default. */
export type CompleteSchedule = ScheduleRule & Required<Pick<ScheduleRule, Defaulted>>

export const defaults: Required<Pick<ScheduleRule, Defaulted>> = {
  time_zone: 'UTC',
  jitter_seconds: 0,
  catch_up: 'last',
  catch_up_window_seconds: 86_400,
  dst_gap: 'run',
  dst_overlap: 'first',
  enabled: true,
}

/** One time of a schedule. */
export interface Instance {
  /** When it is scheduled for; no two instances of a schedule have the same. */
  at: Instant
  /** When it may start: `at` and the jitter. */
  due: Instant
  /** The change of the clocks that has moved it, or that shows its time twice. */
  note?: 'gap' | 'overlap'
  /** Why it does not start, and is only put on record. */
  skipped?: 'gap'
}

/**
 * When a schedule is due. Instances are worked through in the order of `at`, even where jitter changes that
 * of `due`.
 */
export interface Plan {
  readonly schedule: CompleteSchedule
  readonly zone: TimeZone
  /**
   * The first instance after an instant, from -Infinity to Infinity; undefined where none comes. It does not
   * look at `enabled`.
   */
  next(after: Instant): Instance | undefined
}

/** The instants that a date with a year of four digits can name. */
export const earliest: Instant = Date.parse('0001-01-01T00:00:00Z')
export const latest: Instant = Date.parse('9999-12-31T23:59:59.999Z')

const day = 86_400
const year = 365 * day

/**
 * Reads a schedule. `seed` is the namespace and the name of the job, `default/nightly`: it decides what `H`
 * and the jitter are. Fails with a sentence for the person who has put it.
 */
export function compile(schedule: ScheduleRule, seed: string, cache: ScheduleCache): Result<Plan, string> {
  const complete: CompleteSchedule = { ...defaults, ...defined(schedule) }
  const { jitter_seconds, catch_up_window_seconds } = complete
  const zone = cache.zones.named(complete.time_zone)
  if (!zone.ok) return zone
  if (!isWhole(jitter_seconds, 0, day)) return fail(`jitter_seconds is a whole number from 0 to ${day}`)
  if (catch_up_window_seconds !== null && !isWhole(catch_up_window_seconds, 0, 10 * year))
    return fail(`catch_up_window_seconds is a whole number from 0 to ${10 * year}, or null: for ever`)
  const bounds = boundsOf(complete)
  if (!bounds.ok) return bounds
  const fires = firesOf(complete, zone.value, seed, cache)
  if (!fires.ok) return fires
  const { starts, ends } = bounds.value
  const next = (after: Instant): Instance | undefined => {
    const from = Math.max(after, starts - 1)
    // Not a number is neither.
    if (!(from < latest)) return undefined
    const fire = fires.value(from)
    if (fire === undefined || fire.at >= ends || fire.at > latest) return undefined
    return { ...fire, due: fire.at + jitterOf(seed, fire.at, jitter_seconds) }
  }
  // Without them the pattern itself was seen to come.
  if ((starts > earliest || ends < Infinity) && next(-Infinity) === undefined)
    return fail('the schedule never comes: it has no time from starts_at to ends_at')
  return ok({ schedule: complete, zone: zone.value, next })
}

/**
 * The milliseconds by which an instance is due later than it is scheduled for: below `seconds`, the same for
 * ever.
 */
function jitterOf(seed: string, at: Instant, seconds: number): number {
  return seconds === 0 ? 0 : hash(`${seed} ${at}`, seconds * 1000)
}

function boundsOf({ starts_at, ends_at }: ScheduleRule): Result<{ starts: Instant; ends: Instant }, string> {
  const starts = starts_at === undefined ? ok(earliest) : instantOf('starts_at', starts_at)
  if (!starts.ok) return starts
  const ends = ends_at === undefined ? ok(Infinity) : instantOf('ends_at', ends_at)
  if (!ends.ok) return ends
  if (ends.value <= starts.value) return fail(`ends_at (${ends_at}) is not after starts_at (${starts_at})`)
  return ok({ starts: starts.value, ends: ends.value })
}

/** Finds the first fire after an instant, without starts_at, ends_at and jitter. */
type Fires = (after: Instant) => (Fire & Pick<Instance, 'skipped'>) | undefined

function firesOf(
  schedule: CompleteSchedule,
  zone: TimeZone,
  seed: string,
  { walks }: ScheduleCache,
): Result<Fires, string> {
  const { cron, every, at } = schedule
  const given = Object.entries({ cron, every, at }).flatMap(([name, value]) =>
    value === undefined ? [] : name,
  )
  if (given.length !== 1)
    return fail(
      'a schedule has exactly one of cron, every and at: ' +
        `this one has ${given.join(' and ') || 'none of them'}`,
    )
  if (cron !== undefined) {
    const patterns = parseCrons(cron, seed, walks)
    return patterns.ok ? ok(cronFires(patterns.value, schedule, zone)) : patterns
  }
  if (every !== undefined) return everyFires(every, schedule)
  const instant = instantOf('at', at!)
  return instant.ok ? ok(after => (after < instant.value ? { at: instant.value } : undefined)) : instant
}

function cronFires(
  patterns: readonly CronPattern[],
  { dst_gap, dst_overlap: overlap }: CompleteSchedule,
  zone: TimeZone,
): Fires {
  return after => {
    const fire = fireAfter(patterns, zone, { gap: 'run', overlap }, after)
    if (fire?.note !== 'gap' || dst_gap === 'run') return fire
    // The first instant after the gap may also be a time of its own.
    const own = fireAfter(patterns, zone, { gap: 'skip', overlap }, fire.at - 1)
    return own?.at === fire.at ? own : { ...fire, skipped: 'gap' }
  }
}

function everyFires(
  { seconds, anchor }: NonNullable<ScheduleRule['every']>,
  { jitter_seconds }: CompleteSchedule,
): Result<Fires, string> {
  if (!isWhole(seconds, 1, year)) return fail(`every.seconds is a whole number from 1 to ${year}`)
  if (jitter_seconds > seconds)
    return fail(`jitter_seconds (${jitter_seconds}) is more than every.seconds (${seconds})`)
  const first = anchor === undefined ? ok(0) : instantOf('every.anchor', anchor)
  if (!first.ok) return first
  return ok(after => {
    const count = Math.max(0, Math.floor((after - first.value) / (seconds * 1000)) + 1)
    const at = first.value + count * seconds * 1000
    return { at }
  })
}

/** The instant of a key's RFC 3339 text. */
function instantOf(key: string, text: string): Result<Instant, string> {
  const shown = text.length <= 64 ? ` (${text})` : ''
  const isForm = /^\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d{1,9})?(z|[+-]\d\d:\d\d)$/i.test(text)
  try {
    const instant = isForm ? Temporal.Instant.from(text).epochMilliseconds : Number.NaN
    if (instant >= earliest && instant <= latest) return ok(instant)
  } catch {
    // Such as the 30th of February.
  }
  return fail(`${key}${shown} is not a time of RFC 3339, such as 2026-03-29T01:00:00Z`)
}

function isWhole(number: number, low: number, high: number): boolean {
  return Number.isInteger(number) && number >= low && number <= high
}
