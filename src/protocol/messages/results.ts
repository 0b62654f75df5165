/* The log of an execution, and its end. */
import { type Static, Type } from 'typebox'
import { AnyTime, Base64, Id, ImageDigest, nullable, Sha256, strict, Text } from './common.ts'
import { ExecutionOutcome } from './executions.ts'
import { Phases, Resources } from './measures.ts'

/** Every event of a log that is followed. */
export const logEvents = {
  log: Type.Object({
    offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    base64: Base64,
  }),
  end: Type.Object({ state: Text(64) }),
} as const

export const ResultMessage = Type.Object(
  {
    lease_id: Id,
    outcome: ExecutionOutcome,
    exit_code: nullable(Type.Integer({ minimum: -2_147_483_648, maximum: 4_294_967_295 })),
    reason: nullable(Type.String({ maxLength: 64, pattern: '^[a-z0-9][a-z0-9-]*$' })),
    error_message: nullable(Text(65_536)),
    output: nullable(Base64),
    started_at: AnyTime,
    finished_at: AnyTime,
    log_length: Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991 }),
    log_sha256: Sha256,
    image_digest: Type.Optional(
      Type.Unsafe<string>({
        ...ImageDigest,
        description: 'which image it ran, where the reservation has asked for that',
      }),
    ),
    phases: Type.Optional(Type.Object(Phases.properties, strict)),
    resources: Type.Optional(Type.Object(Resources.properties, strict)),
  },
  { $id: 'Result', ...strict },
)
export type ResultMessage = Static<typeof ResultMessage>

export const LogLength = Type.Object(
  {
    length: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    truncated: Type.Optional(Type.Boolean()),
  },
  { $id: 'LogLength' },
)
