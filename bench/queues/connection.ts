import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection that asks and is answered, one at a time, with next to no work of its own: the server is what is measured. */
export class Connection {
  readonly #socket: Socket
  readonly #host: string
  #taken: ((answer: { status: number; body: string }) => void) | undefined
  #failed: ((error: Error) => void) | undefined
  #text = ''

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.setNoDelay(true)
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', error => this.#failed?.(error))
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')))
  }

  static async open(url: string): Promise<Connection> {
    const { hostname, port, host } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new Connection(socket, host)
  }

  /** Sends a request with JSON; the answer must have a Content-Length, or no content. */
  send(
    method: string,
    path: string,
    headers: string,
    body: string,
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      this.#taken = resolve
      this.#failed = reject
      const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${headers}`
      const type = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`
      this.#socket.write(`${head}${type}\r\n\r\n${body}`)
    })
  }

  close(): void {
    this.#failed = undefined
    this.#socket.destroy()
  }

  #take(text: string): void {
    this.#text += text
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = Number(/^content-length: (\d+)/im.exec(this.#text.slice(0, end))?.[1] ?? 0)
    const body = this.#text.slice(end + 4)
    if (Buffer.byteLength(body) < length) return
    const status = Number(this.#text.slice(9, 12))
    this.#text = ''
    this.#taken?.({ status, body })
  }
}
