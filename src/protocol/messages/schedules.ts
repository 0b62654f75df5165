/* Schedules of jobs: how they are put, the times that come, and the times that were not fired. */
import { type Static, Type } from 'typebox'
import { type MissedReason, missedReasons } from '../missed-reasons.ts'
import { AnyTime, choice, list, Name, nullable, Seconds, ShownProblem, strict, Text, Time } from './common.ts'

const CronText = Type.String({
  minLength: 1,
  maxLength: 500,
  description: 'five fields, or six with seconds before them, or a name such as @daily; H spreads jobs',
})
const Cron = Type.Union([CronText, Type.Array(CronText, { minItems: 1, maxItems: 32 })])
const ZoneName = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'an IANA name, such as Europe/Berlin; UTC where none is given',
})

/** When a job runs by itself: exactly one of `cron`, `every` and `at`. */
export const Schedule = Type.Object(
  {
    cron: Type.Optional(Cron),
    every: Type.Optional(
      Type.Object(
        {
          seconds: Seconds(31_536_000, 1),
          anchor: Type.Optional(
            Type.Unsafe<string>({ ...AnyTime, description: 'from which it counts; 1970-01-01Z' }),
          ),
        },
        strict,
      ),
    ),
    at: Type.Optional(Type.Unsafe<string>({ ...AnyTime, description: 'once' })),
    time_zone: Type.Optional(ZoneName),
    jitter_seconds: Type.Optional(Seconds(86_400)),
    catch_up: Type.Optional(
      choice(
        ['none', 'last', 'all'],
        'which of the times run late that an outage or a pause has missed: last',
      ),
    ),
    catch_up_window_seconds: Type.Optional(
      Type.Unsafe<number | null>({
        ...nullable(Seconds(315_360_000)),
        description: 'how late a missed time may run: 86400; null: for ever',
      }),
    ),
    dst_gap: Type.Optional(
      choice(
        ['run', 'skip'],
        'of a time that a change of the clocks leaves out: run at the next valid instant',
      ),
    ),
    dst_overlap: Type.Optional(
      choice(['first', 'last', 'both'], 'of a time that a change of the clocks shows twice: first'),
    ),
    starts_at: Type.Optional(AnyTime),
    ends_at: Type.Optional(AnyTime),
    enabled: Type.Optional(Type.Boolean()),
  },
  { $id: 'Schedule', ...strict },
)
export type Schedule = Static<typeof Schedule>

/** A time in which no schedule fires; times of schedules in it are not caught up. */
export const Blackout = Type.Object(
  {
    cron: CronText,
    duration_seconds: Seconds(31_536_000, 1),
    time_zone: Type.Optional(ZoneName),
  },
  { $id: 'Blackout', ...strict, description: 'from each time of `cron` on, nothing fires' },
)
export type Blackout = Static<typeof Blackout>
export const Blackouts = Type.Array(Blackout, { maxItems: 64 })

export type { MissedReason }

const Reason = choice(Object.keys(missedReasons) as MissedReason[])

/** Times of a schedule that were not fired for one reason, one after the other. */
export const Missed = Type.Object(
  {
    id: Type.String(),
    job: Name,
    namespace: Name,
    reason: Reason,
    from: Time,
    to: Time,
    count: Type.Integer({ minimum: 1 }),
    more: Type.Optional(Type.Boolean({ description: 'count is the least: there are too many to count' })),
    problem: ShownProblem,
  },
  { $id: 'Missed' },
)
export type Missed = Static<typeof Missed>

/** The schedule of a job and where it stands. */
export const ScheduleView = Type.Object(
  {
    job: Name,
    namespace: Name,
    schedule: nullable(Schedule),
    text: Type.String({ description: 'the schedule on one line' }),
    enabled: Type.Boolean(),
    paused_at: nullable(Time),
    scheduled_for: nullable(Type.Unsafe<string>({ ...Time, description: 'the next time' })),
    due_at: nullable(Type.Unsafe<string>({ ...Time, description: 'the same with its jitter' })),
    last_scheduled_for: nullable(Time),
    times: Type.Optional(
      Type.Array(Time, {
        description:
          'where `times` is asked for: the next times that start, paused or not, the earliest first',
      }),
    ),
    more: Type.Optional(Type.Boolean({ description: 'beside `times`: there may be more before `until`' })),
    problem: ShownProblem,
  },
  { $id: 'ScheduleView' },
)
export type ScheduleView = Static<typeof ScheduleView>

/** So many times of schedules one answer looks for at most: to compute them takes the server a moment. */
export const mostTimes = 10_000

/** The next times of a job. */
export const NextTimes = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        scheduled_for: Time,
        due_at: Time,
        local: Type.String({ description: "the time on the clocks of the schedule's zone" }),
        notes: Type.Array(Text(1000)),
      }),
    ),
  },
  { $id: 'NextTimes' },
)
export type NextTimes = Static<typeof NextTimes>

/** The schedules that a pause, or its end, is about. */
export const Paused = Type.Object(
  { namespaces: Type.Array(Type.String(), { description: '`*`: all' }), paused_at: nullable(Time) },
  { $id: 'Paused' },
)
export type Paused = Static<typeof Paused>

export const MissedList = list('MissedList', Missed)
export const ScheduleList = list('ScheduleList', ScheduleView)
