import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { problemMediaType, problemText } from '../wire/problems.ts'
import { http2Request } from './http2.ts'
import { TimedResponse } from './timed-response.ts'
import type { TlsOptions } from './tls.ts'
import { TlsListener } from './tls-listener.ts'
import type { UnauthenticatedConnections } from './unauthenticated.ts'

const timeouts = {
  /** Milliseconds in which the headers of a request have to come. */
  headersTimeout: 10_000,
  /** The time for a whole request: 256 MiB at 1 MB/s. */
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
/** The most milliseconds of a TLS handshake. */
const handshakeTimeout = 10_000
/** Milliseconds for which a connection without a valid token is kept between two requests. */
const idleUnauthenticated = 10_000
const answers = { ServerResponse: TimedResponse }
const sockets = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }

/**
 * Makes a Node server for HTTP/1.1, or for HTTPS with HTTP/2 as well, that ends the connections of clients
 * which are too slow to send a request.
 */
export function makeListener(
  tls: TlsOptions | undefined,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  connections: UnauthenticatedConnections,
  onBadRequest: (code: string) => void,
): Server {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const session = http2Request(request)?.stream.session
    session?.setTimeout(timeouts.timeout)
    // Node has just set the timeout of a kept connection: a connection without a valid token gets a shorter
    // one.
    response.once('finish', () => {
      if (session?.destroyed) return
      const { socket } = session ?? request
      if (connections.has(socket)) socket.setTimeout(idleUnauthenticated)
    })
    handler(request, response)
  }
  const refused = (error: NodeJS.ErrnoException) => onBadRequest(error.code ?? 'unknown')
  const options = { ...timeouts, ...sockets, ...answers }
  const server =
    tls === undefined
      ? createServer(options)
      : new TlsListener(
          { ...options, ...tls, handshakeTimeout },
          { handler: handle, idle: idleUnauthenticated, onBadConnection: refused },
        )
  server.on('request', handle)
  server.on('connection', (socket: Socket) => connections.add(socket))
  // The body is asked for when the token has been looked at (app.ts).
  server.on('checkContinue', handle)
  // The error of one connection that cannot be accepted (no descriptors are left, for example) must not end
  // the server.
  server.on('error', refused)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    refused(error)
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    endWith(socket, error.code)
  })
  return server
}

/** Answers bytes that never became a whole request, and closes the connection. */
export function endWith(socket: Socket, code: string | undefined): void {
  const [status, text] = answerTo(code)
  const head =
    `HTTP/1.1 ${status}\r\ncontent-type: ${problemMediaType}\r\n` +
    `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n`
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
