/* The audit log, as administrators read it. */

import { type Static, Type } from 'typebox'
import { choice, nullable, Sha256, ShownProblem, strict, Time } from './common.ts'
import { tokenKinds } from './token-kinds.ts'

/** A change of any shape, secrets sealed as `GET /v1/jobs` shows them. */
const Changed = (description: string) => Type.Unsafe<unknown>({ description })

/**
 * One entry. The hash of each entry is over all of its fields but `hash` and `problem`
 * (protocol/audit-chain.ts), so a later release may add fields, and never fills one in that an entry was
 * written without.
 */
export const AuditEntry = Type.Object(
  {
    number: Type.Integer({ minimum: 0, description: 'from 1, without a gap' }),
    at: Time,
    token_id: nullable(Type.String({ description: 'null: no valid token, or the server itself' })),
    token_name: nullable(
      Type.String({
        description: 'without a token_id: the local user who has run a command on the host of the server',
      }),
    ),
    token_kind: nullable(choice(tokenKinds)),
    browser_session: Type.Optional(
      Type.String({
        description: 'the session of the browser that made the call; absent: no browser that has signed in',
      }),
    ),
    address: nullable(Type.String({ description: 'of the client; null: the server itself, or several' })),
    call: Type.String({
      description:
        'the operationId of a call; `login` for a token that is not valid, ' +
        '`start` for the first tokens of a server, `server-backup`, `server-restore`, `server-rekey`, ' +
        '`server-move` and `server-move-undo` for commands on its host',
    }),
    method: nullable(Type.String()),
    path: nullable(Type.String({ description: 'without the query, cut off after 256 characters' })),
    namespace: nullable(Type.String()),
    object: nullable(
      Type.String({
        description: 'the id of an execution, a runner or a token; the name of a job or a group',
      }),
    ),
    status: nullable(Type.Integer()),
    reason: nullable(Type.String({ description: 'of a refusal: the last word of its problem type' })),
    request_id: nullable(Type.String({ description: 'as the `instance` of a problem and the log have it' })),
    count: Type.Integer({
      minimum: 1,
      description: 'how many calls the entry stands for; its facts are those of the last',
    }),
    before: Changed('the changed thing before the change; null: nothing'),
    after: Changed('… as it is now; null: nothing'),
    previous: Type.Unsafe<string>({
      ...Sha256,
      description: 'the hash of the entry before; of the first one 64 zeros',
    }),
    hash: Type.Unsafe<string>({
      ...Sha256,
      description: 'SHA-256 of the entry without `hash`, as canonical JSON (RFC 8785)',
    }),
    problem: ShownProblem,
  },
  { $id: 'AuditEntry' },
)
export type AuditEntry = Static<typeof AuditEntry>

/** The place of an entry in the chain. */
export const ChainEnd = Type.Object(
  { number: Type.Integer({ minimum: 0 }), hash: Sha256 },
  { $id: 'ChainEnd', ...strict },
)
export type ChainEnd = Static<typeof ChainEnd>

export const AuditList = Type.Object(
  {
    items: Type.Array(AuditEntry),
    next: nullable(
      Type.String({
        description:
          'the value for `after` of the next page; ' +
          'a page of a search may have fewer items than its limit, or none, and a next one',
      }),
    ),
    begins: Type.Unsafe<ChainEnd>({
      ...ChainEnd,
      description: 'the last entry that retention has removed: the entry after it is the first that is kept',
    }),
    ends: Type.Unsafe<ChainEnd>({ ...ChainEnd, description: 'the latest entry' }),
  },
  { $id: 'AuditList' },
)
export type AuditList = Static<typeof AuditList>
