/* Tokens, as administrators make and see them. */

import { type Static, Type } from 'typebox'
import { harmlessCharacter } from '../../system/printable.ts'
import {
  AnyTime,
  Capabilities,
  choice,
  Id,
  list,
  Name,
  nullable,
  Seconds,
  ShownProblem,
  strict,
  Time,
} from './common.ts'
import { everyNamespace, madeKinds, tokenKinds } from './token-kinds.ts'

const Namespaces = Type.Array(
  Type.Union([Name, Type.Unsafe<typeof everyNamespace>({ type: 'string', const: everyNamespace })]),
  { minItems: 1, maxItems: 64, uniqueItems: true },
)

/** The limits of a registration token; an absent field allows everything. */
export const Scope = Type.Object(
  {
    runner_groups: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 64, uniqueItems: true })),
    capabilities: Type.Optional(Capabilities),
    names: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        pattern: `^${harmlessCharacter}+$`,
        description: 'a pattern for the names of runners, in which `*` stands for any characters',
      }),
    ),
    metadata_keys: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 64, uniqueItems: true }),
    ),
    uses: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'how many runners may register with it' }),
    ),
  },
  { $id: 'Scope', ...strict },
)
export type Scope = Static<typeof Scope>

export const Token = Type.Object(
  {
    id: Id,
    kind: choice(tokenKinds),
    name: Type.String(),
    created_at: Time,
    expires_at: nullable(Time),
    last_used_at: nullable(Time),
    runner_id: nullable(Id),
    // The next four are absent in the answers of release 0.1.0.
    namespaces: Type.Optional(
      nullable(
        Type.Array(Type.String(), {
          description:
            `the namespaces in which it holds, \`${everyNamespace}\` being all; ` +
            'null where its kind knows none',
        }),
      ),
    ),
    scope: Type.Optional(nullable(Scope)),
    uses: Type.Optional(Type.Integer({ description: 'how many runners have registered with it' })),
    made_by_release: Type.Optional(
      Type.String({
        description:
          'the release that has made it, ' +
          'where that is 0.1.0, which knew no namespaces, scopes and roles for them; else absent',
      }),
    ),
    problem: ShownProblem,
  },
  { $id: 'Token' },
)
export type Token = Static<typeof Token>
export const TokenList = list('TokenList', Token)
export const TokenCreate = Type.Object(
  {
    kind: choice(madeKinds),
    name: Type.String({ minLength: 1, maxLength: 128, pattern: `^${harmlessCharacter}+$` }),
    expires_in_seconds: Type.Optional(Seconds(3_155_760_000, 1)),
    expires_at: Type.Optional(AnyTime),
    namespaces: Type.Optional(Namespaces),
    scope: Type.Optional(Scope),
  },
  { $id: 'TokenCreate', ...strict },
)
export type TokenCreate = Static<typeof TokenCreate>
export const TokenCreated = Type.Object(
  { ...Token.properties, token: Type.String({ description: 'shown this one time' }) },
  { $id: 'TokenCreated' },
)
