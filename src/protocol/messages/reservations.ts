/* Executions on their way to a runner. */
import { type Static, Type } from 'typebox'
import {
  Base64,
  choice,
  Environment,
  Id,
  Image,
  ImageDigest,
  inParts,
  Name,
  nullable,
  Seconds,
  Signal,
  strict,
  Text,
  Words,
} from './common.ts'
import { SentSeconds } from './registration.ts'

export const Reserve = Type.Object(
  { slots: Type.Integer({ minimum: 1, maximum: 1000 }), wait_seconds: Seconds(50) },
  { $id: 'Reserve', ...strict },
)

/** An execution as it is handed to a runner. */
export const Reservation = Type.Object(
  {
    execution_id: Id,
    lease_id: Id,
    kind: choice(['plugin', 'command', 'script']),
    domain: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'a container may be used again for executions of the same domain; absent: not at all',
      }),
    ),
    reuse: Type.Optional(
      Type.String({
        maxLength: 32,
        description: 'domain, job or never: which other job may have its container; anything else is never',
      }),
    ),
    job_name: nullable(Name),
    group: Text(256),
    attempt: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    image: Image,
    image_digest: Type.Optional(
      Type.Unsafe<string | null>({
        ...nullable(ImageDigest),
        description:
          'which image of this name an earlier attempt of the run got, so that this one runs the same; ' +
          'null: the runner reports which one it gets, in heartbeats and with the result',
      }),
    ),
    command: Type.Optional(Words),
    args: Type.Optional(Words),
    env: Type.Optional(Environment),
    input: nullable(Base64 /* sealed with the data key */),
    secret_values: nullable(Base64),
    max_time_seconds: Type.Optional(SentSeconds(0)),
    abort_timeout_seconds: SentSeconds(0),
    abort_signal: Type.Optional(Signal),
    confirm_within_seconds: SentSeconds(0),
  },
  { $id: 'Reservation' },
)
export type Reservation = Static<typeof Reservation>

/**
 * The payload of `secret_values`: environment for the job, and all texts that its log must not show.
 */
export const SecretValues = Type.Object(
  { env: Environment, mask: Type.Array(Type.String()) },
  { $id: 'SecretValues' },
)
export type SecretValues = Static<typeof SecretValues>

export const Reservations = inParts(
  Type.Object({ executions: Type.Array(Reservation) }, { $id: 'Reservations' }),
)
export const Confirm = Type.Object({ lease_id: Id }, { $id: 'Confirm', ...strict })
