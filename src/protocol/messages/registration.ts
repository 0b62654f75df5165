/* The registration of a runner, and the settings that it gets. */

import { type Static, Type } from 'typebox'
import { asciiText, harmlessCharacter } from '../../system/printable.ts'
import { tokenPattern } from '../../system/token-file.ts'
import { Capabilities, hostFacts, Id, Name, Seconds, strict, Taints, Text, Time } from './common.ts'
import { runnerFeatures, serverFeatures } from './runner-features.ts'

export const Registration = Type.Object(
  {
    uuid: Id,
    name: Type.String({ minLength: 1, maxLength: 256, pattern: `^${harmlessCharacter}+$` }),
    version: Type.String({ maxLength: 64, pattern: `^${asciiText}*$` }),
    public_key: Type.String({ maxLength: 2048, description: 'SPKI PEM, RSA-3072' }),
    capabilities: Capabilities,
    runner_group: Name,
    taints: Type.Optional(Taints),
    metadata: Type.Optional(Type.Record(Type.String({ maxLength: 128 }), Text(1024), { maxProperties: 64 })),
    host: Type.Optional(
      Type.Object(hostFacts, {
        ...strict,
        description: 'facts of the host; a server of release 0.1.0 refuses them',
      }),
    ),
    features: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 32 }), {
        maxItems: 32,
        description:
          'abilities of the runner beyond release 0.1.0, whose servers refuse this field: ' +
          `${runnerFeatures.join(', ')}; others are ignored`,
      }),
    ),
  },
  { $id: 'Registration', ...strict },
)
export type Registration = Static<typeof Registration>

/**
 * Seconds that a server sends to a runner, at most ten years. A loop that waits for less than its `minimum`
 * would spin.
 */
export const SentSeconds = (minimum: number) => Seconds(315_360_000, minimum)

/** The settings of an attached runner, as its server sends them. */
export const AttachedSettings = Type.Object(
  {
    enabled: Type.Boolean(),
    capacity: Type.Integer({ minimum: 0, maximum: 10_000 }),
    eviction_time_seconds: SentSeconds(0),
    abort_timeout_seconds: SentSeconds(0),
    ping_interval_seconds: SentSeconds(0),
    reserve_wait_seconds: SentSeconds(0),
    confirm_within_seconds: SentSeconds(0),
    lease_seconds: SentSeconds(0.1),
    late_result_seconds: SentSeconds(0),
    max_output_bytes: Type.Integer({ minimum: 0, maximum: 268_435_456 }),
  },
  { $id: 'Settings' },
)
export type AttachedSettings = Static<typeof AttachedSettings>

export const Registered = Type.Object(
  {
    runner_id: Id,
    session: Type.Integer({ minimum: 1, maximum: 999_999_999_999_999 }),
    created_at: Time,
    credentials: Type.String({
      maxLength: 4096,
      description: 'base64 of RSA-OAEP-SHA256 of {token, data_key}; data_key is base64 of 32 bytes',
    }),
    settings: AttachedSettings,
    credentials_seconds: Type.Optional(
      Type.Number({
        minimum: 0,
        description: 'seconds until the token in `credentials` expires; absent: it does not expire',
      }),
    ),
    refused: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'the fields whose former values stay, since only an operator or a registration token that ' +
          'allows it changes them: name, runner_group, capabilities, metadata; release 0.1.0 takes all',
      }),
    ),
    features: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'the fields of results and heartbeats that the server takes beyond release 0.1.0: ' +
          `${serverFeatures.join(', ')}; absent: none`,
      }),
    ),
  },
  { $id: 'Registered' },
)
export type Registered = Static<typeof Registered>

/** The payload of `credentials`. */
export const Credentials = Type.Object(
  {
    token: Type.String({ pattern: tokenPattern }),
    data_key: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$', description: 'base64 of 32 bytes' }),
  },
  { $id: 'Credentials' },
)
export type Credentials = Static<typeof Credentials>
