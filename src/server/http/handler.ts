/* The contract of a handler: everything in it follows from the entry of its call in protocol/api.ts. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallName } from '../../protocol/api.ts'
import type { MediaType } from '../../protocol/call.ts'
import type { AnswerSpec, CallPart, JsonOf, Spec, StatusOf, TokenKindOf } from '../../protocol/call-types.ts'
import type { Result } from '../../result.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { FoundSession } from '../browser/sessions.ts'
import type { Refusal } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import type { ChangeStore } from './audit.ts'
import type { JsonList } from './json-list.ts'
import type { Services } from './services.ts'

/** A token of one kind; a runner's names the runner and its session. */
export type TokenOf<K extends TokenRow['kind']> = K extends 'runner'
  ? TokenRow & { kind: 'runner'; runner_id: string; session: number }
  : TokenRow & { kind: K }

/** The header `Set-Cookie`, or several. */
type Cookies = string | string[]

/** A value that is sent as JSON. */
interface JsonResponse<S, T> {
  status: S
  json: T
  cookie?: Cookies
}

/** A list that is sent as JSON while its items are made. */
interface ListResponse<S, L> {
  status: S
  list: L
}

interface TextResponse<S, Type> {
  status: S
  text: string | Buffer | AsyncIterable<string | Buffer>
  /** The media type, with its parameters. */
  type: Type
  /** The tag of a text that clients may keep and ask about again (`If-None-Match`). */
  etag?: string
  cookie?: Cookies
  /** Headers of this answer alone. */
  headers?: Record<string, string>
}

interface EmptyResponse<S> {
  status: S
  /** The header `Location`. */
  location?: string
  cookie?: Cookies
}

/** The lists that may be sent for a value of this type: a bare array, or a page. */
type ListOf<T> = T extends readonly (infer Item)[]
  ? Omit<JsonList<Item>, 'next' | 'fields'>
  : T extends { items: readonly (infer Item)[]; next: string | null }
    ? JsonList<Item> & { next: string | null }
    : never

/** The ways to answer a call with a status, by the entry in api.ts. */
type ResponseWith<S, A> = A extends readonly MediaType[]
  ? TextResponse<S, `${Exclude<A[number], 'text/event-stream'>}${string}`>
  : A extends null
    ? EmptyResponse<S>
    :
        | JsonResponse<S, JsonOf<A>>
        | ListResponse<S, ListOf<JsonOf<A>>>
        | TextResponse<S, `application/json${string}`>

/** Calls that stream events, or that wait, are answered on the response itself, now or later. */
type Taken<N extends CallName> = Spec<N> extends { events: object } | { waits: true } ? 'taken' : never

type ResponseTo<N extends CallName> =
  | {
      [S in StatusOf<N>]: ResponseWith<S, AnswerSpec<N, S>>
    }[StatusOf<N>]
  | Taken<N>

/** The types of each call, by its name. */
export type CallTypes = {
  [N in CallName]: {
    params: CallPart<N, 'params', unknown>
    query: CallPart<N, 'query', unknown>
    body: Spec<N> extends { bodyType: string } ? Buffer : CallPart<N, 'body', undefined>
    token: [TokenKindOf<N>] extends [never] ? undefined : TokenOf<TokenKindOf<N>>
    rights: [TokenKindOf<N>] extends [never] ? undefined : Rights
    session: Spec<N> extends { session: true } ? number : undefined
    response: ResponseTo<N>
  }
}

/** The answer of a handler to its call. */
export type HandlerResponse<N extends CallName> = CallTypes[N]['response']

/** Any response, as the code that sends it sees it. */
export type AnyResponse =
  | JsonResponse<number, unknown>
  | ListResponse<number, JsonList<unknown>>
  | TextResponse<number, string>
  | EmptyResponse<number>
  | 'taken'

/** A call as its handler gets it: authenticated, and valid by the schemas of api.ts. */
export interface HandlerCall<N extends CallName> {
  /** The id of the request, as answers and logs have it. */
  id: string
  /** The address of the client. */
  address: string
  /** The id of the token, or of the browser's session in its place: open calls end with it. */
  credential: string
  /** The session of a browser that has signed in, which takes the place of the token. */
  browser: FoundSession | undefined
  params: CallTypes[N]['params']
  query: CallTypes[N]['query']
  body: CallTypes[N]['body']
  token: CallTypes[N]['token']
  /** The reach of the token; a namespace in which it does not hold has been refused. */
  rights: CallTypes[N]['rights']
  /** `Runner-Session`. */
  session: CallTypes[N]['session']
  /** `Idempotency-Key`. */
  idempotencyKey: string | undefined
  request: IncomingMessage
  response: ServerResponse
  /** The content of the field `file` of a form; undefined if it has none. */
  form: { file: Buffer | undefined } | undefined
  /** Changes the store, and puts the change into the audit log. */
  change: ChangeStore
}

export type Handler<N extends CallName> = (
  call: HandlerCall<N>,
  services: Services,
) => Promise<Result<HandlerResponse<N>, Refusal>>

export type Handlers = { [N in CallName]: Handler<N> }
