/* Runners, as operators see and set them. */
import { type Static, Type } from 'typebox'
import {
  Capabilities,
  choice,
  hostFacts,
  Id,
  list,
  Name,
  nullable,
  Seconds,
  ShownProblem,
  strict,
  Taints,
  Time,
} from './common.ts'
import { Role } from './heartbeats.ts'

const RunnerState = choice(
  ['ready', 'draining', 'left', 'disconnected', 'unhealthy', 'deleted', 'never-connected'],
  'what it is; whether it may take work is `enabled`, `taints` and `role` too',
)

export const Runner = Type.Object(
  {
    id: Id,
    name: Type.String(),
    version: Type.String(),
    state: RunnerState,
    enabled: Type.Boolean(),
    role: Role,
    runner_group: Name,
    capabilities: Type.Array(Type.String()),
    taints: Type.Array(Type.String()),
    metadata: Type.Record(Type.String(), Type.String()),
    host: Type.Optional(
      Type.Object(hostFacts, { description: 'facts that its host has told; absent if it told none' }),
    ),
    capacity: Type.Integer(),
    eviction_time_seconds: Type.Number(),
    abort_timeout_seconds: Type.Number(),
    session: Type.Integer(),
    created_at: Time,
    last_heartbeat_at: nullable(Time),
    credentials_expire_at: Type.Optional(
      nullable({
        ...Time,
        description:
          'when its token expires unless it renews it; ' +
          'null: never, as that of a runner of release 0.1.0, which cannot renew it',
      }),
    ),
    unable_because: Type.Optional(
      nullable(Type.String({ description: 'why it can start no job, as it reports; null: it can' })),
    ),
    clock_difference_seconds: nullable(
      Type.Number({ description: "the runner's clock less the server's, as it reports it" }),
    ),
    executors: Type.Array(Type.Object({ image: Type.String(), state: Type.String() })),
    running: Type.Array(Id, { description: 'executions it holds' }),
    deleted: Type.Boolean(),
    problem: ShownProblem,
  },
  { $id: 'Runner' },
)
export type Runner = Static<typeof Runner>
export const RunnerList = list('RunnerList', Runner)

export const RunnerPatch = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    capacity: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
    eviction_time_seconds: Type.Optional(Seconds(86_400)),
    abort_timeout_seconds: Type.Optional(Seconds(86_400)),
    capabilities: Type.Optional(Capabilities),
    taints: Type.Optional(Taints),
    // Added to the taints that the runner has, or to those of `taints`: so two changes at once both take
    // effect.
    add_taints: Type.Optional(Taints),
    remove_taints: Type.Optional(Taints),
    runner_group: Type.Optional(Name),
    deleted: Type.Optional(Type.Unsafe<false>({ type: 'boolean', const: false })),
  },
  { $id: 'RunnerPatch', minProperties: 1, ...strict },
)
export type RunnerPatch = Static<typeof RunnerPatch>
