import { createServer, request as forward, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'

/** An HTTP proxy of a test. It connects each name to a port of this machine. */
export class ProxyServer implements AsyncDisposable {
  /** The requests so far: `CONNECT name:port`, or a method and an address. */
  readonly asked: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()

  private constructor(port: number) {
    this.#server = createServer((request, response) => {
      const { method, headers, url } = request
      this.asked.push(`${method} ${url}`)
      const { pathname, search } = new URL(url!)
      const path = `${pathname}${search}`
      const options = { host: '127.0.0.1', port, method, headers, path }
      const onward = forward(options, answer => {
        response.writeHead(answer.statusCode!, answer.headers).flushHeaders()
        answer.on('error', () => response.destroy()).pipe(response)
      })
      onward.on('error', () => response.destroy())
      response.on('close', () => onward.destroy())
      request.pipe(onward)
    })
    this.#server.on('connect', ({ url }, socket, head) => {
      this.asked.push(`CONNECT ${url}`)
      const other = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        other.write(head)
        socket.pipe(other).pipe(socket)
      })
      for (const one of [socket, other])
        one
          .on('error', () => {})
          .on('close', () => {
            socket.destroy()
            other.destroy()
          })
    })
    this.#server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  static async to(port: number): Promise<ProxyServer> {
    const proxy = new ProxyServer(port)
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
