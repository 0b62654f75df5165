import {
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http'
import { systemClock } from '../edges.ts'

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** An answer that says when its request came and when it went itself, to who asks for that by `Runner-Time`. */
export class TimedResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  readonly #came = systemClock.now().getTime()

  override writeHead(status: number, ...rest: [(string | Headers)?, Headers?]): this {
    if (!this.headersSent && this.req.headers['runner-time'] !== undefined)
      this.setHeader('runner-time', `${this.#came},${systemClock.now().getTime()}`)
    // One of its two forms.
    return super.writeHead(status, ...(rest as [Headers?]))
  }
}
