import type { IncomingMessage, ServerOptions, ServerResponse } from 'node:http'
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { Server } from 'node:https'
import type { TlsOptions as NodeTlsOptions, TLSSocket } from 'node:tls'
import { TimedHttp2Response } from './timed-response.ts'

/** The limits for one connection of a client that does not read the answers yet. */
const settings = { maxConcurrentStreams: 100, maxHeaderListSize: 16 * 1024, enablePush: false }

export interface Http2Options {
  handler: (request: IncomingMessage, response: ServerResponse) => void
  /**
   * Milliseconds after which a connection on which nobody says anything is closed, until a request sets it
   * anew.
   */
  idle: number
  onBadConnection: (error: NodeJS.ErrnoException) => void
}

/**
 * A server for HTTPS that speaks HTTP/2 with the clients that choose it in the handshake (ALPN, RFC 7301),
 * and HTTP/1.1 with the others. Handlers get the requests of both in the classes of HTTP/1.1: Node's classes
 * for HTTP/2 are made to stand for them (`isHttp2` tells which it is).
 */
export class TlsListener extends Server {
  readonly #http2: Http2Server
  readonly #connections = new Map<TLSSocket, ServerHttp2Session>()
  readonly #idle: number

  constructor(options: ServerOptions & NodeTlsOptions, { handler, idle, onBadConnection }: Http2Options) {
    super({ ...options, ALPNProtocols: ['h2', 'http/1.1'] })
    this.#idle = idle
    this.#http2 = createServer({ settings, Http2ServerResponse: TimedHttp2Response })
    this.#http2.on('sessionError', onBadConnection)
    const handle = (request: unknown, response: unknown) => {
      const common = request as IncomingMessage
      // RFC 9113, 8.3.1: `:authority` is the Host of HTTP/1.1.
      common.headers.host ??= common.headers[':authority']?.toString()
      handler(common, response as ServerResponse)
    }
    this.#http2.on('request', handle).on('checkContinue', handle)
    const [overHttp1] = this.listeners('secureConnection')
    this.removeAllListeners('secureConnection')
    this.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol === 'h2') this.#speakHttp2(socket)
      else overHttp1?.call(this, socket)
    })
  }

  #speakHttp2(socket: TLSSocket): void {
    if (socket.destroyed) return
    this.#http2.once('session', session => {
      this.#connections.set(socket, session)
      socket.once('close', () => this.#connections.delete(socket))
      session.setTimeout(this.#idle, () => socket.destroy())
    })
    this.#http2.emit('connection', socket)
  }

  /**
   * Over HTTP/2: no further request is taken, and a connection closes with the last answer that is on its
   * way.
   */
  override closeIdleConnections(): void {
    super.closeIdleConnections()
    for (const session of this.#connections.values()) session.close()
  }

  override closeAllConnections(): void {
    super.closeAllConnections()
    // A session that closes leaves it to its client when the connection ends.
    for (const socket of this.#connections.keys()) socket.destroy()
  }
}
