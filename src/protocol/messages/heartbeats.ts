/* The report of a runner, and the answer of the server. */
import { type Static, Type } from 'typebox'
import { choice, Id, Image, ImageDigest, inParts, nullable, Seconds, strict, Text } from './common.ts'
import { AttachedSettings } from './registration.ts'
import { Reservation } from './reservations.ts'

export const Heartbeat = Type.Object(
  {
    state: choice(['ready', 'draining']),
    executions: Type.Array(Id, { maxItems: 10_000 }),
    executors: Type.Array(
      Type.Object({ image: Image, state: choice(['starting', 'idle', 'busy', 'stopping']) }, strict),
      { maxItems: 10_000 },
    ),
    free_slots: Type.Integer({ minimum: 0, maximum: 10_000 }),
    unable_because: Type.Optional({
      ...Text(1000),
      description: 'why it can start no job now; absent where it can',
    }),
    image_digests: Type.Optional(
      Type.Record(Id, ImageDigest, {
        ...strict,
        maxProperties: 10_000,
        description: 'by execution: which image it got, where its reservation has asked for that',
      }),
    ),
    not_started: Type.Optional(
      Type.Record(Id, Text(1000), {
        ...strict,
        maxProperties: 10_000,
        description:
          'by execution: why it has not started yet, or how far the fetch of its image is; ' +
          'only to servers with the feature `not_started`',
      }),
    ),
  },
  { $id: 'Heartbeat', ...strict },
)
export type Heartbeat = Static<typeof Heartbeat>

export const Role = nullable(choice(['leader', 'standby']))
export const HeartbeatAnswer = inParts(
  Type.Object(
    {
      settings: AttachedSettings,
      role: Role,
      leases: Type.Record(Type.String(), Type.Number(), { description: 'seconds left, by execution' }),
      abort: Type.Array(Id),
      gone: Type.Array(Id, { description: 'stop it and drop its spool' }),
      unknown: Type.Array(Id, { description: 'let it run and keep its result' }),
      confirm: Type.Optional(
        Type.Array(Id, {
          description:
            'confirm it again, by its lease, within confirm_within_seconds: ' +
            'the store has it as queued; only to runners with the feature `confirm`',
        }),
      ),
      scripts: Type.Array(Reservation),
    },
    { $id: 'HeartbeatAnswer' },
  ),
)
export type HeartbeatAnswer = Static<typeof HeartbeatAnswer>

export const Leave = Type.Object(
  { reason: choice(['stopped', 'detached', 'restart']), back_within_seconds: Seconds(3600) },
  { $id: 'Leave', ...strict },
)
