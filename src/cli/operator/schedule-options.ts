/* The options of `runner job put` that say when a job runs by itself. */
import type { Command, OptionValues } from '@commander-js/extra-typings'
import { systemClock } from '../../edges.ts'
import { isObject } from '../../protocol/mask/secrets.ts'
import type { JobBody } from '../../protocol/messages/jobs.ts'
import type { Blackout, Schedule } from '../../protocol/messages/schedules.ts'
import { defined, fail, ok, type Result } from '../../result.ts'
import { TimeZones } from '../../schedule/time-zones.ts'
import { type NewCommand, type OptionsOf, pathOf } from '../define-command.ts'
import { collect, type GlobalOptions, InvalidValue } from '../options.ts'
import { parseDuration } from './options.ts'

export const addScheduleOptions = <Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options, GlobalOptions>,
) =>
  command
    .option(
      '--cron <pattern>',
      "run it by itself at the times of this pattern, such as '30 2 * * *'",
      parsePattern,
      [],
    )
    .option('--every <duration>', 'run it by itself again and again: 90 (seconds), 15m, 12h', parseDuration)
    .option('--at <time>', "run it by itself once: '2026-12-24 18:00', or +2h", parseMoment)
    .option('--time-zone <zone>', 'zone whose clocks count, such as Europe/Berlin (default: UTC)')
    .option('--jitter <duration>', 'start up to so much later, so that jobs spread', parseDuration)
    .addOption(
      command
        .createOption('--catch-up <word>', 'which of the times run late that an outage or a pause missed')
        .choices(['none', 'last', 'all']),
    )
    .option(
      '--catch-up-window <duration>',
      'how late a missed time may run, such as 12h, or forever (default: 24h)',
      parseWindow,
    )
    .addOption(
      command
        .createOption('--dst-gap <word>', 'of a time that the clocks leave out in spring')
        .choices(['run', 'skip']),
    )
    .addOption(
      command
        .createOption('--dst-overlap <word>', 'of a time that the clocks show twice in autumn')
        .choices(['first', 'last', 'both']),
    )
    .option('--starts-at <time>', 'run it by itself from this time on', parseMoment)
    .option('--ends-at <time>', 'run it by itself before this time', parseMoment)
    .option(
      '--blackout <times>',
      "when it does not run by itself: '0 22 * * 5 for 12h', also with `in ZONE`",
      collect,
      [],
    )
    .option('--no-schedule', 'leave out the schedule of --file')
    .option('--disable-schedule', 'keep the schedule, but do not run it by itself', false)

type NoOptions = Record<never, never>
export type ScheduleOptions = OptionsOf<typeof addScheduleOptions<[], NoOptions>>

/** Makes a command that runs a job now refuse these options, with the way to a job that runs by itself. */
export function refuseScheduleOptions<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options, GlobalOptions>,
): Command<Args, Options, GlobalOptions> {
  const unused = command.createCommand() as NewCommand
  for (const { flags, long } of addScheduleOptions(unused).options) {
    const option = command.createOption(flags).hideHelp()
    command
      .addOption(option)
      .on(`option:${option.name()}`, () =>
        command
          .showHelpAfterError(false)
          .error(
            `error: ${long} is an option of \`runner job put\`, which defines a job that runs by itself; ` +
              `\`runner ${pathOf(command)}\` runs a job once, now`,
          ),
      )
  }
  return command
}

/** The fields of a job that say when it runs by itself. */
type Scheduled = Pick<JobBody, 'schedule' | 'blackouts'>

/** A definition with the schedule that the options make of its own one, which has not been validated. */
export function withSchedule<Body extends Scheduled>(
  body: Body,
  options: ScheduleOptions,
): Result<Body, string> {
  const given = ruleOptions(options)
  const [modifier] = Object.keys(modifiers).filter(name => isGiven(options[modifiers[name]!]))
  if (!options.schedule) {
    const [useless] = [...given, ...(modifier === undefined ? [] : [modifier])]
    if (useless !== undefined)
      return fail(`${useless} is of no use with --no-schedule: leave one of them out`)
    const { schedule: _, blackouts: __, ...rest } = body
    return ok(rest as Body)
  }
  if (given.length > 1)
    return fail(`a schedule has one of --cron, --every and --at: leave out ${given.slice(1).join(' and ')}`)
  if (given.length === 0 && modifier === undefined) return ok(body)
  // The file has not been validated: the server refuses a wrong schedule.
  const own = isObject(body.schedule) ? body.schedule : undefined
  const base = given.length === 0 ? own : withoutRule(own)
  if (base === undefined)
    return fail(`${modifier} is for a schedule: say when the job runs, by --cron, --every or --at`)
  const schedule = scheduleOf(base, options)
  if (!schedule.ok) return schedule
  const blackouts = blackoutsOf(options.blackout, schedule.value.time_zone)
  if (!blackouts.ok) return blackouts
  return ok({
    ...body,
    schedule: schedule.value,
    ...(blackouts.value.length === 0 ? {} : { blackouts: blackouts.value }),
  })
}

/** The options that say when it runs, of which a schedule has one. */
function ruleOptions({ cron, every, at }: ScheduleOptions): string[] {
  return Object.entries({ '--cron': cron, '--every': every, '--at': at }).flatMap(([name, value]) =>
    isGiven(value) ? name : [],
  )
}

const modifiers: Readonly<Record<string, keyof ScheduleOptions>> = {
  '--time-zone': 'timeZone',
  '--jitter': 'jitter',
  '--catch-up': 'catchUp',
  '--catch-up-window': 'catchUpWindow',
  '--dst-gap': 'dstGap',
  '--dst-overlap': 'dstOverlap',
  '--starts-at': 'startsAt',
  '--ends-at': 'endsAt',
  '--blackout': 'blackout',
  '--disable-schedule': 'disableSchedule',
}

const isGiven = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false

function withoutRule(schedule: Schedule = {}): Schedule {
  const { cron: _, every: __, at: ___, ...rest } = schedule
  return rest
}

function scheduleOf(base: Schedule, options: ScheduleOptions): Result<Schedule, string> {
  const { cron, every, jitter, catchUp, catchUpWindow, dstGap, dstOverlap } = options
  const { timeZone: time_zone = base.time_zone } = options
  const zone = new TimeZones().named(String(time_zone ?? 'UTC'))
  if (!zone.ok) return zone
  const instant = (moment: Moment | undefined) => moment?.(zone.value.name)
  return ok({
    ...base,
    ...defined({
      cron: cron.length > 1 ? cron : cron[0],
      every: every === undefined ? undefined : { seconds: every },
      at: instant(options.at),
      time_zone,
      jitter_seconds: jitter,
      catch_up: catchUp,
      catch_up_window_seconds: catchUpWindow === 'forever' ? null : catchUpWindow,
      dst_gap: dstGap,
      dst_overlap: dstOverlap,
      starts_at: instant(options.startsAt),
      ends_at: instant(options.endsAt),
      enabled: options.disableSchedule ? false : undefined,
    }),
  })
}

function blackoutsOf(texts: readonly string[], zone: string | undefined): Result<Blackout[], string> {
  const all: Blackout[] = []
  for (const text of texts) {
    const [, cron, duration, own = zone] =
      /^(\S.*?)\s+for\s+(\S+?)(?:\s+in\s+(\S+))?$/.exec(text.trim()) ?? []
    const seconds = duration === undefined ? undefined : secondsOf(duration)
    if (cron === undefined || seconds === undefined)
      return fail(
        `--blackout '${text}': write a pattern and a duration, such as '0 22 * * 5 for 12h': ` +
          'from each time of the pattern on, nothing starts by itself',
      )
    all.push({ cron, duration_seconds: seconds, ...defined({ time_zone: own }) })
  }
  return ok(all)
}

function secondsOf(text: string): number | undefined {
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}

/** A pattern of cron, in one argument. */
function parsePattern(text: string, all: string[]): string[] {
  if (/\s/.test(text.trim()) || text.startsWith('@')) return collect(text, all)
  throw new InvalidValue("The pattern is one argument of five fields, in quotes: --cron '30 2 * * *'.")
}

/** Seconds, or `forever`: no parser of an option can give null. */
const parseWindow = (text: string): number | 'forever' => (text === 'forever' ? text : parseDuration(text))

/** A time that depends on the zone of the schedule, as a time of RFC 3339. */
type Moment = (zone: string) => string

/** A time with an offset, a time of a wall clock, or one so far ahead: `+2h`. */
function parseMoment(text: string): Moment {
  if (/^\+\d+[smhd]?$/.test(text)) {
    const time = systemClock.now().getTime() + parseDuration(text.slice(1)) * 1000
    return () => new Date(time).toISOString()
  }
  const isWall = /^\d{4}-\d\d-\d\d([tT ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?$/.test(text)
  try {
    if (isWall) {
      const wall = Temporal.PlainDateTime.from(text.replace(' ', 'T'))
      return zone => textOf(wall.toZonedDateTime(zone).toInstant())
    }
    const instant = textOf(Temporal.Instant.from(text.replace(' ', 'T')))
    return () => instant
  } catch {
    throw new InvalidValue(
      "It must be a time: '2026-12-24 18:00' on the clocks of --time-zone, 2026-12-24T17:00:00Z, or +2h.",
    )
  }
}

const textOf = (instant: Temporal.Instant): string => instant.toString({ smallestUnit: 'millisecond' })
