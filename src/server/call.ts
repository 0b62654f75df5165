import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallName } from '../protocol/api.ts'
import type { Result } from '../result.ts'
import type { HttpRefusal } from './http-problems.ts'
import type { JsonList } from './json-list.ts'
import type { TokenRow } from './store/store.ts'
import type { World } from './world.ts'

/** A call as its handler gets it: authenticated, and valid by the schemas of protocol/api.ts. */
export interface Call {
  /** The id of the request, as answers and logs have it. */
  id: string
  params: Record<string, string>
  query: Record<string, unknown>
  body: unknown
  /** Of a call that anybody may make there may be none. */
  token: TokenRow | undefined
  /** `Runner-Session`; 0 where the call has none. */
  session: number
  request: IncomingMessage
  response: ServerResponse
  /** Of a form: the content of its field `file`; undefined where it has none. */
  form: (() => Promise<Buffer | undefined>) | undefined
}

/** What a call is answered with. */
export type Answer =
  | { status: number; json: unknown }
  | { status: number; list: JsonList }
  | {
      status: number
      text: string | Buffer | AsyncIterable<string | Buffer>
      type: string
      /** Of a text that clients may keep and ask about again (`If-None-Match`). */
      etag?: string
    }
  | { status: 204 }
  /** The handler answers by itself, now or later, on `response`. */
  | 'taken'

export type Handler = (call: Call, world: World) => Promise<Result<Answer, HttpRefusal>>
export type Handlers = Record<CallName, Handler>
