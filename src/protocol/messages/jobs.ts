/* Definitions of jobs, as operators send and see them. */
import { type Static, Type } from 'typebox'
import { asciiWord } from '../../system/printable.ts'
import {
  Capabilities,
  choice,
  Environment,
  Image,
  Name,
  nullable,
  Seconds,
  ShownProblem,
  Signal,
  sealable,
  strict,
  variables,
  Word,
} from './common.ts'
import { Blackouts, Schedule } from './schedules.ts'

/**
 * A property of a plugin's input or output; only what runner itself needs of it is checked, all else passes
 * through.
 */
const Property = Type.Object({
  name: Type.String(),
  password: Type.Optional(nullable(Type.Boolean())),
  value: Type.Optional(Type.Unknown()),
  kind: Type.Optional(Type.Unknown()),
  category: Type.Optional(Type.Unknown({ description: 'any; `output`: the plugin sets it' })),
})

/** The input context of a plugin (the executor contract). */
export const InputContext = Type.Object(
  {
    release: Type.Optional(
      nullable(
        Type.Object({
          id: Type.Optional(Type.Unknown()),
          automatedTaskAsUser: Type.Optional(
            nullable(
              Type.Object({
                username: Type.Optional(Type.Unknown()),
                password: Type.Optional(nullable(Type.String())),
              }),
            ),
          ),
        }),
      ),
    ),
    task: Type.Object({
      id: Type.Optional(Type.Unknown()),
      type: Type.String({ minLength: 1, description: 'prefix.ClassName' }),
      properties: Type.Array(Property, { maxItems: 10_000 }),
    }),
  },
  {
    $id: 'InputContext',
    description:
      'fields that are not named here pass through; ' +
      'each secret in it is shown, and taken again, as `sealed:v1:<base64>`',
  },
)
export type InputContext = Static<typeof InputContext>

const ExitCodes = Type.Array(Type.Integer({ minimum: 0, maximum: 4_294_967_295 }), {
  maxItems: 256,
  uniqueItems: true,
})
const ConcurrencyKey = Type.String({ pattern: `^${asciiWord}{1,256}$` })

/** When a failed attempt is followed by the next one. */
export const RetryPolicy = Type.Object(
  {
    delay_seconds: Type.Optional(
      Type.Unsafe<number>({ ...Seconds(86_400), description: 'before the second attempt: 5' }),
    ),
    backoff: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 100,
        description: 'by which each delay is multiplied for the next: 1',
      }),
    ),
    max_delay_seconds: Type.Optional(
      Type.Unsafe<number>({ ...Seconds(604_800), description: 'the longest delay: 3600' }),
    ),
    jitter_seconds: Type.Optional(
      Type.Unsafe<number>({ ...Seconds(86_400), description: 'up to so much more, by chance: 0' }),
    ),
    on_exit_codes: Type.Optional(ExitCodes),
    not_on_exit_codes: Type.Optional(ExitCodes),
  },
  { $id: 'RetryPolicy', ...strict },
)
export type RetryPolicy = Static<typeof RetryPolicy>

/** The events of a job's runs of which a target can be told. */
export const notifyEvents = [
  'failure',
  'recovery',
  'success',
  'lost',
  'aborted',
  'late',
  'not-fired',
] as const
export type NotifyEvent = (typeof notifyEvents)[number]
export const Notify = Type.Array(
  Type.Object(
    {
      to: Type.Unsafe<string>({ ...Name, description: 'a section [notify.NAME] of the server' }),
      on: Type.Array(choice(notifyEvents), { minItems: 1, uniqueItems: true }),
    },
    strict,
  ),
  { maxItems: 32 },
)
export type Notify = Static<typeof Notify>

const definition = {
  kind: Type.Optional(choice(['plugin', 'command'], 'plugin where input is given')),
  image: Image,
  command: Type.Optional(
    Type.Array(Word, {
      minItems: 1,
      maxItems: 4096,
      description: "replaces the image's entry point and command",
    }),
  ),
  args: Type.Optional(Type.Array(Word, { maxItems: 4096, description: "replaces the image's command only" })),
  env: Type.Optional(Environment),
  secret_env: Type.Optional(variables(sealable(Word))),
  input: Type.Optional(InputContext),
  capabilities: Type.Optional(Capabilities),
  runner_group: Type.Optional(Name),
  priority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000, description: 'higher first' })),
  retries: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  max_time_seconds: Type.Optional(Seconds(31_536_000, 0.001)),
  max_queue_seconds: Type.Optional(Seconds(31_536_000, 0.001)),
  abort_timeout_seconds: Type.Optional(Seconds(86_400)),
  abort_signal: Type.Optional(Signal),
  concurrency: Type.Optional(
    choice(
      ['allow', 'forbid', 'queue', 'replace'],
      'while a run of the job has not ended: another one beside it, none, one after it, or one in its place',
    ),
  ),
  queue_limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, description: 'runs that wait with concurrency queue: 1' }),
  ),
  concurrency_key: Type.Optional(
    Type.Unsafe<string>({
      ...ConcurrencyKey,
      description:
        'of all runs of the namespace with this key, so many run at once as concurrency_limit says',
    }),
  ),
  concurrency_limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  retry: Type.Optional(RetryPolicy),
  expected_seconds: Type.Optional(
    Type.Unsafe<number>({
      ...Seconds(31_536_000, 0.001),
      description: 'a run beyond it is late, for `notify`',
    }),
  ),
  notify: Type.Optional(Notify),
  reuse: Type.Optional(
    choice(
      ['domain', 'job', 'never'],
      'which other job may have its container before or after it; the runner may be stricter',
    ),
  ),
}

/** The fields that only a job with a name can have: an execution without a name cannot have a schedule. */
const named = {
  schedule: Type.Optional(nullable(Schedule)),
  blackouts: Type.Optional(Blackouts),
}

/** A definition without a name, as `PUT /v1/jobs/{name}` takes it. */
export const JobBody = Type.Object(
  { name: Type.Optional(Name), namespace: Type.Optional(Name), ...definition, ...named },
  { $id: 'JobBody', ...strict },
)
/** A definition as a backup has it: passwords are sealed under the server's key (`sealed:v1:…`). */
export const Job = Type.Object(
  { name: Name, namespace: Type.Optional(Name), ...definition, ...named },
  { $id: 'Job', ...strict },
)
export type JobBody = Static<typeof JobBody>
export type Job = Static<typeof Job>

/** A job as it is shown. One that is not shown whole cannot be restored: its field `problem` is refused. */
export const ShownJob = Type.Object({ ...Job.properties, problem: ShownProblem }, { $id: 'ShownJob' })
export type ShownJob = Static<typeof ShownJob>

/** A submit: a definition that need not have a name. */
export const Submit = Type.Object(
  { job_name: Type.Optional(Name), ...definition },
  { $id: 'Submit', ...strict },
)
export type Submit = Static<typeof Submit>

export const Restored = Type.Object(
  { restored: Type.Integer({ description: 'definitions that stand as the backup has them' }) },
  { $id: 'Restored' },
)
