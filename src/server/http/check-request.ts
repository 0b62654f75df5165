import { type CallName, specOf } from '../../protocol/api.ts'
import { type Check, checkOf, type RequestPart } from '../../protocol/validation.ts'
import { ok, type Result } from '../../result.ts'
import type { TokenRow } from '../../store/rows.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { type Rights, rightsOf } from '../rules/rights.ts'
import { isEmptyBody, takesBody } from './body.ts'
import type { CallTypes } from './handler.ts'

/** A request as fastify has read it; nothing of it has been checked but the token. */
export interface UncheckedRequest {
  params: unknown
  query: unknown
  body: unknown
  token: TokenRow | undefined
  headers: NodeJS.Dict<string | string[]>
}

/** The parts of a request, which fit the schemas of its call. */
export type CheckedRequest<N extends CallName> = Pick<
  CallTypes[N],
  'params' | 'query' | 'body' | 'token' | 'rights' | 'session'
> & { idempotencyKey: string | undefined }

const plainQuery = {
  type: 'object',
  properties: { pretty: { type: 'string', maxLength: 5 } },
  additionalProperties: false,
}

/** The check of a call's requests: by its schemas first, then by rules that schemas cannot express. */
export function requestCheck<N extends CallName>(
  name: N,
): (request: UncheckedRequest) => Result<CheckedRequest<N>, Refusal> {
  const spec = specOf(name)
  const paramsCheck = withoutNul<CallTypes[N]['params']>('path', spec.params ?? {})
  const queryCheck = withoutNul<CallTypes[N]['query']>('query', spec.query ?? plainQuery)
  const bodyCheck = checkOf<CallTypes[N]['body']>('body', spec.body ?? {})
  return request => {
    const params = paramsCheck(request.params)
    if (!params.ok) return refuse('malformed', params.failure)
    const body = bodyCheck(bodyFor(name, request.body))
    if (!body.ok) return refuse('malformed', body.failure)
    const query = queryCheck(request.query ?? {})
    if (!query.ok) return refuse('malformed', query.failure)
    const session = sessionFor(name, request.headers['runner-session'])
    if (!session.ok) return session
    if (!takesBody(spec) && !isEmptyBody(request.body)) return refuse('malformed', 'this call takes no body')
    const idempotencyKey = spec.idempotent ? keyOf(request.headers['idempotency-key']) : ok(undefined)
    if (!idempotencyKey.ok) return idempotencyKey
    const { token } = request
    if (!isTokenFor(name, token)) return refuse('bad-token', 'this call takes another token')
    const rights = rightsFor(name, token, query.value)
    if (!rights.ok) return rights
    return ok({
      params: params.value,
      query: query.value,
      body: body.value,
      token,
      rights: rights.value,
      session: session.value,
      idempotencyKey: idempotencyKey.value,
    })
  }
}

/** A body of bytes may be empty; a call that takes no body gets none. */
function bodyFor(name: CallName, body: unknown): unknown {
  const spec = specOf(name)
  if (spec.bodyType !== undefined) return body ?? Buffer.alloc(0)
  return takesBody(spec) ? body : undefined
}

/** A check of texts: no name, id or search text has a NUL character in it, and no database looks for one. */
function withoutNul<T>(part: RequestPart, schema: object): Check<T> {
  const check = checkOf<T>(part, schema)
  return value => {
    const [name] = Object.entries(value ?? {}).find(([key, text]) => `${key}${text}`.includes('\0')) ?? []
    return name === undefined
      ? check(value)
      : { ok: false, failure: `the ${part} has a NUL character in ${JSON.stringify(name)}` }
  }
}

function sessionFor<N extends CallName>(
  name: N,
  header: string | string[] | undefined,
): Result<CallTypes[N]['session'], Refusal> {
  const session = /^[1-9]\d{0,14}$/.test(String(header)) ? Number(header) : undefined
  const wanted = specOf(name).session ? session : undefined
  return isSessionOf(name, wanted)
    ? ok(wanted)
    : refuse('malformed', 'this call needs the header Runner-Session with the number of the session')
}

function isSessionOf<N extends CallName>(
  name: N,
  session: number | undefined,
): session is CallTypes[N]['session'] {
  return (specOf(name).session ?? false) === (session !== undefined)
}

/** Whether a token is of a kind that the call takes; a runner's token names the runner and its session. */
function isTokenFor<N extends CallName>(
  name: N,
  token: TokenRow | undefined,
): token is CallTypes[N]['token'] {
  const { access } = specOf(name)
  if (token === undefined) return access.includes('open')
  const isWhole = token.kind !== 'runner' || (token.runner_id !== null && token.session !== null)
  return access.includes(token.kind) && isWhole
}

/** The rights of a call's token; undefined where the call needs none. */
function rightsFor<N extends CallName>(
  name: N,
  token: TokenRow | undefined,
  query: CallTypes[N]['query'],
): Result<CallTypes[N]['rights'], Refusal> {
  const rights = token === undefined ? ok(undefined) : rightsOf(token, specOf(name).reach, namespaceIn(query))
  if (!rights.ok) return rights
  return isRightsOf(name, rights.value) ? ok(rights.value) : refuse('bad-token', 'this call needs a token')
}

function isRightsOf<N extends CallName>(
  name: N,
  rights: Rights | undefined,
): rights is CallTypes[N]['rights'] {
  return specOf(name).access.includes('open') === (rights === undefined)
}

const namespaceIn = (query: unknown): string | undefined =>
  typeof query === 'object' && query !== null && 'namespace' in query && typeof query.namespace === 'string'
    ? query.namespace
    : undefined

function keyOf(header: string | string[] | undefined): Result<string | undefined, Refusal> {
  if (header === undefined || (typeof header === 'string' && /^[\x20-\x7e]{1,255}$/.test(header)))
    return ok(header)
  return refuse('malformed', 'an Idempotency-Key has 1 to 255 printable characters')
}
