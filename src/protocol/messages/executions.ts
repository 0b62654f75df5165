/* Executions, as operators see them. */
import { type Static, Type } from 'typebox'
import { executionStates } from '../states.ts'
import { choice, Id, ImageDigest, list, Name, nullable, Sha256, ShownProblem, Time } from './common.ts'
import { Phases, Resources } from './measures.ts'

export const Execution = Type.Object(
  {
    id: Id,
    job_name: nullable(Name),
    namespace: Type.Optional(
      Type.Unsafe<string>({ ...Name, description: 'absent in the answers of release 0.1.0' }),
    ),
    group: Type.String({ description: 'the id of all attempts of one run' }),
    attempt: Type.Integer({ minimum: 1 }),
    kind: choice(['plugin', 'command', 'script']),
    image: Type.String(),
    image_digest: Type.Optional(
      Type.Unsafe<string | null>({
        ...nullable(ImageDigest),
        description:
          'which image of this name all attempts of the run get from now on; ' +
          'null: not known, or not needed, since there are no retries or the name has a digest',
      }),
    ),
    state: choice(executionStates),
    success: nullable(Type.Boolean({ description: 'null until it has ended' })),
    created_at: Time,
    not_before: Type.Optional(
      Type.Unsafe<string | null>({
        ...nullable(Time),
        description: 'when the next attempt of a run may be handed out; null: at any time',
      }),
    ),
    scheduled_for: Type.Optional(
      Type.Unsafe<string | null>({
        ...nullable(Time),
        description: 'the time of its schedule for which its run was made; null: somebody asked for it',
      }),
    ),
    catch_up: Type.Optional(
      Type.Unsafe<'outage' | 'paused' | 'clock' | null>({
        ...nullable(choice(['outage', 'paused', 'clock'])),
        description: 'why its run was made after that time; null: it was not',
      }),
    ),
    started_at: nullable(Time),
    finished_at: nullable(Time),
    phases: Type.Optional(nullable(Phases)),
    resources: Type.Optional(nullable(Resources)),
    usual_seconds: Type.Optional(
      nullable(
        Type.Number({
          minimum: 0,
          description:
            'how long half of the runs of its job that have succeeded lately ran at most; ' +
            'null: not known. In lists only of executions that have not ended, and of 100 jobs at most',
        }),
      ),
    ),
    output: Type.String({ description: 'the last 64 KiB of the log, as text' }),
    node_name: nullable(Type.String({ description: 'the name of the runner' })),
    runner_id: nullable(Id),
    runner_group: Name,
    priority: Type.Integer(),
    exit_code: nullable(Type.Integer()),
    reason: nullable(Type.String({ description: 'why it ended so, in kebab-case' })),
    error_message: nullable(Type.String()),
    output_properties: nullable(Type.Record(Type.String(), Type.Unknown())),
    reporting_records: Type.Optional(
      Type.Array(Type.Unknown(), { description: 'where a plugin gave some; not in lists' }),
    ),
    comments: Type.Array(Type.String()),
    status_line: nullable(Type.String()),
    waiting_because: nullable(
      Type.String({
        description: 'what a queued execution waits for, or the result of one that has ended on its runner',
      }),
    ),
    log: Type.Object({
      length: Type.Integer({ description: 'bytes received' }),
      sha256: nullable(Sha256),
      truncated: Type.Boolean({ description: 'head and tail are kept, the middle is not' }),
      complete: Type.Boolean({ description: 'all that the runner sent has come' }),
    }),
    problem: ShownProblem,
  },
  { $id: 'Execution' },
)
export type Execution = Static<typeof Execution>

/** An execution as lists have it: with less output, and without the fields that may be large. */
export const ListedExecution = Type.Object(
  {
    ...Execution.properties,
    output: Type.String({ description: 'the last 400 bytes of the log, as text' }),
    output_properties: Type.Optional(Execution.properties.output_properties),
  },
  {
    $id: 'ListedExecution',
    description: 'where `fields` is given, only the fields that it names, and the id',
  },
)
export type ListedExecution = Static<typeof ListedExecution>

export const ExecutionList = list('ExecutionList', ListedExecution)

export const LogTime = Type.Object({
  offset: Type.Integer({ description: 'the first byte that came then' }),
  at: { ...Time, description: 'the bytes up to the next item came then or later' },
})
export type LogTime = Static<typeof LogTime>

/**
 * The times of a log: some hundred items at most. The part of a log that came before the server kept times
 * has none.
 */
export const LogTimeList = list('LogTimeList', LogTime)
export type LogTimeList = Static<typeof LogTimeList>

export const ExecutionOutcome = choice(['succeeded', 'failed', 'aborted'])
export type ExecutionOutcome = Static<typeof ExecutionOutcome>
