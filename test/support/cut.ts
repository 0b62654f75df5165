import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A way to a server that can be cut: connections break, or nothing gets through any more. */
export class Cut implements AsyncDisposable {
  readonly #server: Server
  readonly #pairs = new Set<[Socket, Socket]>()
  #open = true
  #silent = false

  private constructor(port: number) {
    this.#server = createServer(socket => {
      if (!this.#open) return void socket.resetAndDestroy()
      const other = connect(port, '127.0.0.1')
      const pair: [Socket, Socket] = [socket, other]
      this.#pairs.add(pair)
      const end = () => {
        this.#pairs.delete(pair)
        socket.destroy()
        other.destroy()
      }
      for (const one of pair) one.on('error', end).on('close', end)
      if (this.#silent) for (const one of pair) one.pause()
      else socket.pipe(other).pipe(socket)
    })
  }

  static async to(port: number): Promise<Cut> {
    const cut = new Cut(port)
    await new Promise<void>(resolve => cut.#server.listen(0, '127.0.0.1', resolve))
    return cut
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Breaks all connections, and takes no new ones. */
  close(): void {
    this.#open = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
  }

  /** Lets nothing through, without a word to anybody; also what connects from now on is never answered. */
  silence(): void {
    this.#silent = true
    for (const pair of this.#pairs) for (const socket of pair) socket.unpipe().pause()
  }

  open(): void {
    this.#open = true
    this.#silent = false
    // Silent connections are broken.
    for (const pair of this.#pairs) if (pair[0].isPaused()) for (const socket of pair) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
