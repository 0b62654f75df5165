import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A way to a server, at a port or a socket, on which one request is held: itself, or its answer. */
export class Hold implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #wanted: { path: RegExp; what: 'request' | 'answer' } | undefined
  #held = Promise.withResolvers<void>()
  #released = Promise.withResolvers<void>()

  private constructor(to: number | string) {
    this.#server = createServer(socket => {
      const other = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to)
      for (const [one, another] of [
        [socket, other],
        [other, socket],
      ] as const) {
        this.#sockets.add(one)
        one.on('error', () => {}).on('close', () => another.destroy())
      }
      other.pipe(socket)
      socket.on('data', (bytes: Buffer) => void this.#pass(bytes, socket, other))
    })
  }

  static async to(to: number | string): Promise<Hold> {
    const hold = new Hold(to)
    await once(hold.#server.listen(0, '127.0.0.1'), 'listening')
    return hold
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Holds the next request with such a path; resolves when it is held. */
  async next(path: RegExp, what: 'request' | 'answer'): Promise<void> {
    this.#held = Promise.withResolvers()
    this.#released = Promise.withResolvers()
    this.#wanted = { path, what }
    return this.#held.promise
  }

  release(): void {
    this.#released.resolve()
  }

  async #pass(bytes: Buffer, socket: Socket, other: Socket): Promise<void> {
    const head = bytes.toString('latin1').split('\r\n', 1)[0]!
    if (this.#wanted?.path.test(head)) {
      const { what } = this.#wanted
      this.#wanted = undefined
      if (what === 'answer') {
        other.unpipe(socket).pause()
        void this.#released.promise.then(() => other.pipe(socket))
      } else socket.pause()
      this.#held.resolve()
      if (what === 'request') {
        await this.#released.promise
        socket.resume()
      }
    }
    other.write(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
