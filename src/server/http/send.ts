/* Sends the responses of handlers, and problem documents. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { Clock } from '../../edges.ts'
import { specOf } from '../../protocol/api.ts'
import { problems } from '../../protocol/problem.ts'
import type { Refusal } from '../rules/refusal.ts'
import { problemMediaType, problemText, statusOf, waitOf } from '../wire/problems.ts'
import { isComing } from './body.ts'
import type { AnyResponse } from './handler.ts'
import { closeAfterAnswer, http2Request } from './http2.ts'
import { type JsonList, listText } from './json-list.ts'
import { pageHeaders, pageType, smallPage } from './page-headers.ts'

/** The part of fastify's reply that is used here, whatever the types of its route are. */
export interface Reply {
  readonly raw: ServerResponse
  readonly sent: boolean
  code(status: number): unknown
  header(name: string, value: string | number | string[]): unknown
  send(body?: unknown): unknown
  hijack(): unknown
}

/** Sends what a handler has answered. */
export async function send(
  response: AnyResponse,
  request: FastifyRequest,
  reply: Reply,
  clock: Clock,
): Promise<void> {
  if (response === 'taken') return void reply.hijack()
  if ('list' in response) return sendList(response.status, response.list, request, reply, clock)
  begin(response.status, request, reply, clock)
  if ('cookie' in response && response.cookie !== undefined) reply.header('set-cookie', response.cookie)
  if ('location' in response && response.location !== undefined) reply.header('location', response.location)
  if ('json' in response) {
    reply.header('content-type', 'application/json; charset=utf-8')
    reply.send(`${JSON.stringify(response.json, null, indentOf(request))}\n`)
  } else if ('text' in response) {
    // A job wrote the text of a log: no browser may take it for a page.
    reply.header('content-type', response.type)
    reply.header('x-content-type-options', 'nosniff')
    if (response.type === pageType) setPageHeaders(reply)
    const { text, etag, headers = {} } = response
    for (const [name, value] of Object.entries(headers)) reply.header(name, value)
    if (etag !== undefined) {
      reply.header('etag', etag)
      reply.header('cache-control', 'no-cache')
      if (request.headers['if-none-match'] === etag) {
        reply.code(304)
        return void reply.send()
      }
    }
    reply.send(typeof text === 'string' || Buffer.isBuffer(text) ? text : Readable.from(text))
  } else reply.send()
}

/**
 * Sends a list in pieces. A failure before the first piece is answered like any other; after it the
 * connection breaks off.
 */
async function sendList(
  status: number,
  list: JsonList<unknown>,
  request: FastifyRequest,
  reply: Reply,
  clock: Clock,
): Promise<void> {
  const pieces = listText(list, indentOf(request))
  const first = await pieces.next()
  begin(status, request, reply, clock)
  reply.header('content-type', 'application/json; charset=utf-8')
  const all = async function* () {
    yield first.value ?? ''
    yield* pieces
  }
  reply.send(first.done ? '' : Readable.from(all()))
}

/** Sends a refusal as a problem document. */
export function sendProblem(refusal: Refusal, request: FastifyRequest, reply: Reply, clock: Clock): void {
  begin(statusOf(refusal), request, reply, clock)
  const wait = waitOf(refusal)
  if (wait !== undefined) reply.header('retry-after', wait)
  if (refusal.reason === 'bad-token') reply.header('www-authenticate', 'Bearer')
  const { call } = request.routeOptions.config
  if (call !== undefined && specOf(call).shown) {
    setPageHeaders(reply)
    reply.header('content-type', pageType)
    reply.send(smallPage(`Not signed in: ${refusal.detail ?? problems[refusal.reason][1]}.`, false))
  } else {
    reply.header('content-type', problemMediaType)
    reply.send(problemText(refusal, request.id, indentOf(request)))
  }
}

function setPageHeaders(reply: Reply): void {
  for (const [name, value] of Object.entries(pageHeaders)) reply.header(name, value)
}

function begin(status: number, request: FastifyRequest, reply: Reply, clock: Clock): void {
  closeAfter(request, reply, clock)
  reply.code(status)
  reply.header('cache-control', 'no-store')
}

/** Seconds for which an unwanted body is still read, so that the client gets to see the answer. */
const linger = 1

/**
 * An answer to a request whose body is still coming ends the connection, of HTTP/2 the stream: the rest of
 * the body is not waited for.
 */
function closeAfter({ raw }: FastifyRequest, reply: Reply, clock: Clock): void {
  if (!isComing(raw)) return
  if (http2Request(raw) !== undefined) return void closeAfterAnswer(reply.raw)
  reply.header('connection', 'close')
  const { socket } = raw
  const closed = new AbortController()
  socket.once('close', () => closed.abort())
  // Node calls this after the last answer: to destroy the socket at once would take away what is still being
  // sent.
  socket.destroySoon = () => {
    socket.end()
    void clock.sleep(linger, closed.signal).then(() => socket.destroy())
  }
}

/** `?pretty` indents by two spaces; `?pretty=false` does not. */
function indentOf({ query }: FastifyRequest): number | undefined {
  const pretty = typeof query === 'object' && query !== null && 'pretty' in query ? query.pretty : undefined
  return pretty === undefined || pretty === 'false' ? undefined : 2
}
