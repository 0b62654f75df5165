import {
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http'
import { systemClock } from '../../edges.ts'

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

/**
 * A response that tells a client which sends `Runner-Time` when the request came and when the response went.
 */
export class TimedResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  readonly #came = systemClock.now().getTime()

  override writeHead(status: number, first?: string | Headers, second?: Headers): this {
    if (!this.headersSent && this.req.headers['runner-time'] !== undefined)
      this.setHeader('runner-time', `${this.#came},${systemClock.now().getTime()}`)
    return typeof first === 'string'
      ? super.writeHead(status, first, second)
      : super.writeHead(status, second ?? first)
  }
}
