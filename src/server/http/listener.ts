import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { problemMediaType, problemText } from '../wire/problems.ts'
import { TimedResponse } from './timed-response.ts'
import type { TlsOptions } from './tls.ts'
import type { UnauthenticatedConnections } from './unauthenticated.ts'

const timeouts = {
  /** Milliseconds in which the headers of a request have to come. */
  headersTimeout: 10_000,
  /** In which all of a request has to come: 256 MiB at 1 MB/s. */
  requestTimeout: 300_000,
  /** For which an idle connection is kept: longer than proxies keep theirs. */
  keepAliveTimeout: 75_000,
  /**
   * For which neither side says anything, or a reader of an answer takes none of it: calls that wait are
   * shorter.
   */
  timeout: 120_000,
  connectionsCheckingInterval: 1_000,
}
/** Milliseconds in which a TLS handshake has to be over. */
const handshakeTimeout = 10_000
/** Milliseconds for which a connection without a valid token is kept between two requests. */
const idleUnauthenticated = 10_000
const answers = { ServerResponse: TimedResponse }
const sockets = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }

/**
 * Makes a Node server for HTTP, or HTTPS, that ends the connections of clients which are too slow to send a
 * request.
 */
export function makeListener(
  tls: TlsOptions | undefined,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  connections: UnauthenticatedConnections,
  onBadRequest: (code: string) => void,
): Server {
  const server =
    tls === undefined
      ? createServer({ ...timeouts, ...sockets, ...answers })
      : createTlsServer({ ...timeouts, ...sockets, ...answers, ...tls, handshakeTimeout })
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    // Node has just set the timeout of a kept connection: a connection without a valid token gets a shorter
    // one.
    response.once('finish', () => {
      if (connections.has(request.socket)) request.socket.setTimeout(idleUnauthenticated)
    })
    handler(request, response)
  }
  server.on('request', handle)
  server.on('connection', (socket: Socket) => connections.add(socket))
  // The body is asked for when the token has been looked at (app.ts).
  server.on('checkContinue', handle)
  // The error of one connection that cannot be accepted (no descriptors are left, for example) must not end
  // the server.
  server.on('error', (error: NodeJS.ErrnoException) => onBadRequest(error.code ?? 'unknown'))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    onBadRequest(error.code ?? 'unknown')
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    endWith(socket, error.code)
  })
  return server
}

/** Answers bytes that never became a whole request, and closes the connection. */
export function endWith(socket: Socket, code: string | undefined): void {
  const [status, text] = answerTo(code)
  const head = `HTTP/1.1 ${status}\r\ncontent-type: ${problemMediaType}\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n`
  socket.end(head + text, () => socket.destroy())
}

/** The answer to bytes that never became a request. */
function answerTo(code: string | undefined): [status: string, text: string] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return ['408 Request Timeout', problemText({ reason: 'request-timeout' }, 'none')]
  if (code === 'HPE_HEADER_OVERFLOW')
    return ['431 Request Header Fields Too Large', problemText({ reason: 'headers-too-large' }, 'none')]
  return ['400 Bad Request', problemText({ reason: 'malformed', detail: 'this is not HTTP' }, 'none')]
}
