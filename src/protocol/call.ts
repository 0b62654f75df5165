/* The description of one call of the protocol, of which api.ts is the table. */
import type { TSchema } from 'typebox'
import type { TokenKind } from './messages/token-kinds.ts'

/**
 * The tokens that a call takes; `open` needs none. A runner's own token reaches only what belongs to the
 * runner.
 */
export type Access = TokenKind | 'open'

export type MediaType = 'text/event-stream' | 'text/plain' | 'text/html'

/**
 * The subject of a call, which decides how namespaces apply to it. `name`: a definition in one namespace,
 * which the call may name. `execution`: one execution, in its own namespace. `list`: all that the token may
 * see, unless the call names a namespace. `fleet`: runners, groups and the server, which are in no namespace.
 * `all`: the same, and only a token for all namespaces may make the call. `own`: only things that belong to
 * the caller.
 */
export type Reach = 'name' | 'execution' | 'list' | 'fleet' | 'all' | 'own'

export interface CallSpec {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With parameters in braces, as OpenAPI writes them. */
  path: string
  summary: string
  access: readonly Access[]
  reach: Reach
  params?: TSchema
  query?: TSchema
  body?: TSchema
  /** The media type of a body that is not JSON. */
  bodyType?: 'application/octet-stream'
  /** The field of a form in which the body may come instead. */
  form?: string
  /**
   * The answers by their status: the schema of a JSON answer, media types, or null for an answer without a
   * body.
   */
  answers: Record<number, TSchema | readonly MediaType[] | null>
  /** The data of each event of a stream, by the event's name. */
  events?: Record<string, TSchema>
  /** A runner's own token is taken although it has expired. */
  takesExpired?: true
  /** A browser shows the answer to a person: refusals are pages. */
  shown?: true
  /** A browser may make the call without `Runner-Page-Key`. */
  keyless?: true
  /** The call carries `Runner-Session`. */
  session?: true
  /** The call may carry `Idempotency-Key`. */
  idempotent?: true
  /** The server may hold the request and answer later. */
  waits?: true
}

/** Items of a page, where a call does not say. */
export const pageLimit = 100
