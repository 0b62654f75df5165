import {
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http'
import { type Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import { systemClock } from '../../edges.ts'

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

/**
 * A response that tells a client which sends `Runner-Time` when the request came and when the response went.
 */
export class TimedResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  readonly #came = systemClock.now().getTime()

  override writeHead(status: number, first?: string | Headers, second?: Headers): this {
    if (!this.headersSent && this.req.headers['runner-time'] !== undefined)
      this.setHeader('runner-time', timesSince(this.#came))
    return typeof first === 'string'
      ? super.writeHead(status, first, second)
      : super.writeHead(status, second ?? first)
  }
}

type Http2Headers = OutgoingHttpHeaders | readonly string[]

/** The same over HTTP/2, with what its class lacks of the one for HTTP/1.1. */
export class TimedHttp2Response<
  R extends Http2ServerRequest = Http2ServerRequest,
> extends Http2ServerResponse<R> {
  readonly #came = systemClock.now().getTime()

  constructor(stream: ServerHttp2Stream) {
    super(stream)
    // Whether the answer's stream is destroyed: the types of Node have the property, its class does not.
    Object.defineProperty(this, 'destroyed', { get: () => stream.destroyed })
  }

  override writeHead(status: number, first?: string | Http2Headers, second?: Http2Headers): this {
    if (!this.headersSent && this.req.headers['runner-time'] !== undefined)
      this.setHeader('runner-time', timesSince(this.#came))
    // HTTP/2 has no phrase beside the status.
    return super.writeHead(status, typeof first === 'string' ? second : first)
  }
}

const timesSince = (came: number): string => `${came},${systemClock.now().getTime()}`
