/* The sessions of browsers, which the page of the server opens. */

import { type Static, Type } from 'typebox'
import { tokenPattern } from '../../system/token-file.ts'
import { choice, Id, list, nullable, strict, Time } from './common.ts'
import { browserRoles } from './token-kinds.ts'

const Secret = Type.String({ pattern: tokenPattern })

/** Exactly one of the two: the server says so, in plainer words than a schema. */
export const BrowserSessionOpen = Type.Object(
  {
    token: Type.Optional(
      Type.Unsafe<string>({ ...Secret, description: `a token of kind ${browserRoles.join(', ')}` }),
    ),
    code: Type.Optional(
      Type.Unsafe<string>({ ...Secret, description: 'of POST /v1/browser-codes; it is used up by that' }),
    ),
  },
  { $id: 'BrowserSessionOpen', ...strict },
)
export type BrowserSessionOpen = Static<typeof BrowserSessionOpen>

export const BrowserSession = Type.Object(
  {
    name: Type.String({ description: 'of the token, or of the person whom the identity provider has named' }),
    role: choice(browserRoles),
    namespaces: nullable(
      Type.Array(Type.String(), { description: 'the namespaces in which it holds; null: all of them' }),
    ),
    key: nullable(
      Type.String({
        description:
          'for the header `Runner-Page-Key`: ' +
          'every call that is not GET needs it, and where `secure` is false every call; ' +
          'null: it was told when the session was opened, and is not told again without TLS',
      }),
    ),
    expires_at: Type.Unsafe<string>({
      ...Time,
      description: 'when the session is over, however much it is used; without a call it ends after 8 hours',
    }),
    secure: Type.Boolean({ description: 'whether the cookie goes over TLS alone' }),
  },
  { $id: 'BrowserSession' },
)
export type BrowserSession = Static<typeof BrowserSession>

export const BrowserSessionEnd = Type.Object(
  {
    end_session_url: nullable(
      Type.String({
        description:
          'where the browser signs the person out at the identity provider, too; ' +
          'null: there is none for this session, or it cannot',
      }),
    ),
  },
  { $id: 'BrowserSessionEnd' },
)
export type BrowserSessionEnd = Static<typeof BrowserSessionEnd>

export const ListedBrowserSession = Type.Object(
  {
    ...Type.Omit(BrowserSession, ['key']).properties,
    id: Id,
    token_id: nullable(
      Type.Unsafe<string>({ ...Id, description: 'null: a person of the identity provider' }),
    ),
    created_at: Time,
    last_used_at: Time,
    is_own: Type.Boolean({ description: 'it is the session of the calling browser' }),
  },
  { $id: 'ListedBrowserSession' },
)
export type ListedBrowserSession = Static<typeof ListedBrowserSession>

export const BrowserSessionList = list('BrowserSessionList', ListedBrowserSession)

export const BrowserCode = Type.Object(
  {
    code: Type.String({ description: 'good once' }),
    expires_at: Time,
    public_url: nullable(
      Type.String({ description: 'how browsers reach the server; null: as this call has reached it' }),
    ),
  },
  { $id: 'BrowserCode' },
)
export type BrowserCode = Static<typeof BrowserCode>

export const SignInWays = Type.Object(
  {
    oidc: nullable(
      Type.String({
        description: 'the identity provider by which people sign in, at `/v1/oidc/start`; null: none',
      }),
    ),
  },
  { $id: 'SignInWays' },
)
export type SignInWays = Static<typeof SignInWays>

/** The answer of an identity provider, which may have more fields. */
export const OidcAnswer = Type.Object({
  code: Type.Optional(Type.String({ maxLength: 8192 })),
  state: Type.Optional(Type.String({ maxLength: 512 })),
  error: Type.Optional(Type.String({ maxLength: 512 })),
})
