/* Statistics: of a job, of the server, and of a runner. */
import { type Static, Type } from 'typebox'
import { executionStates } from '../states.ts'
import { choice, Id, list, Name, nullable, ShownProblem, Time } from './common.ts'
import { ScheduleView } from './schedules.ts'

const Count = (description: string) => Type.Integer({ minimum: 0, description })
const Duration = (description: string) => nullable(Type.Number({ minimum: 0, description }))

/**
 * Runs that count for the statistics of a job, executions that are looked at for them, and runs that are
 * shown.
 */
export const countedOfJob = { runs: 100, executions: 400, shown: 30 } as const

export const JobStats = Type.Object(
  {
    name: Name,
    namespace: Name,
    runs: Count(
      'the latest runs that have ended, a run with all of its attempts; ' +
        `at most ${countedOfJob.runs}, among the latest ${countedOfJob.executions} executions`,
    ),
    succeeded: Count('how many of them have succeeded'),
    success_rate: nullable(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'their share of those that succeeded or failed; null: none did',
      }),
    ),
    p50_seconds: Duration('how long half of those that succeeded ran at most; null: none has succeeded'),
    p95_seconds: Duration('how long 95 of 100 of those that succeeded ran at most'),
    last: Type.Array(
      Type.Object({
        id: Id,
        group: Type.String({ description: 'the id of all attempts of one run' }),
        attempt: Type.Integer({ minimum: 1 }),
        state: choice(executionStates),
        finished_at: nullable(Time),
        seconds: Duration('how long its last attempt ran; null: it never did'),
      }),
      {
        description: `the last attempts of the latest ${countedOfJob.shown} of these runs, the latest first`,
      },
    ),
  },
  { $id: 'JobStats' },
)
export type JobStats = Static<typeof JobStats>

/**
 * The number of executions of each job from which a list of jobs is made: a list has many jobs, so it is
 * smaller than for one job.
 */
export const listedOfJob = 60

/** A job as the list of jobs shows it. */
export const JobSummary = Type.Object(
  {
    ...JobStats.properties,
    runs: Count(`the latest runs that have ended, among the latest ${listedOfJob} executions of the job`),
    image: Type.String(),
    runner_group: Name,
    schedule: nullable(ScheduleView),
    active: Count('its executions that have not ended, among the same'),
    problem: ShownProblem,
  },
  { $id: 'JobSummary' },
)
export type JobSummary = Static<typeof JobSummary>
export const JobSummaryList = list('JobSummaryList', JobSummary)

/** The seconds of one count; statistics are in multiples of it. */
export const countedSeconds = 300
/** The most items of one answer. */
export const mostSpans = 2016

export const Stats = Type.Object(
  {
    step_seconds: Type.Integer(),
    items: Type.Array(
      Type.Object({
        at: Time,
        watched_minutes: Count(
          'minutes of the span in which the server ran; events in other minutes are not counted',
        ),
        succeeded: Count('executions that have succeeded'),
        failed: Count('executions that have failed'),
        aborted: Count('executions that were aborted'),
        lost: Count('executions that were lost for good'),
        queue_depth: Count('the most executions that were queued, looked at once a minute'),
        queue_age_seconds: Count('for how long the oldest one of these had existed'),
      }),
      { description: 'one for each step, the earliest first' },
    ),
  },
  { $id: 'Stats' },
)
export type Stats = Static<typeof Stats>

export const Availability = Type.Object(
  {
    step_seconds: Type.Integer(),
    available: nullable(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description:
          'the share of all watched minutes in which the runner was connected; null: none was watched',
      }),
    ),
    items: Type.Array(
      Type.Object({
        at: Time,
        available: nullable(
          Type.Number({
            minimum: 0,
            maximum: 1,
            description: 'the same of this span; null: the server did not run',
          }),
        ),
      }),
      { description: 'one for each 5 minutes, the earliest first' },
    ),
  },
  { $id: 'Availability' },
)
export type Availability = Static<typeof Availability>
