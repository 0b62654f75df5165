import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a PostgreSQL on a loopback port. */
export class PostgresProxy implements AsyncDisposable {
  /** Statements that clients have sent so far. */
  statements = 0
  readonly #server: Server
  readonly #pairs = new Set<{ client: Socket; upstream: Socket }>()

  private constructor(port: number) {
    this.#server = createServer(client => {
      const upstream = connect(port, '127.0.0.1')
      const pair = { client, upstream }
      this.#pairs.add(pair)
      const counted = counter(() => this.statements++)
      client.on('data', counted)
      client.pipe(upstream, { end: false })
      upstream.pipe(client)
      client.on('error', () => {})
      upstream.on('error', () => {}).on('close', () => this.#pairs.delete(pair))
    })
  }

  static async start(port: number): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(port)
    await new Promise<void>(resolve => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  /** An address by way of this. */
  url(direct: string): string {
    const url = new URL(direct)
    url.port = String((this.#server.address() as { port: number }).port)
    return url.href
  }

  /** Cuts every client off without the server noticing, as a network does that goes away. */
  cut(): void {
    for (const { client } of this.#pairs) client.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, upstream } of this.#pairs) {
      client.destroy()
      upstream.destroy()
    }
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** Counts the messages that run something: Query and Execute (postgresql.org/docs/15/protocol-message-formats.html). */
function counter(count: () => void): (data: Buffer) => void {
  let rest = Buffer.alloc(0)
  let started = false
  return data => {
    rest = Buffer.concat([rest, data])
    for (;;) {
      // The first message has no type.
      const header = started ? 1 : 0
      if (rest.length < header + 4) return
      const length = header + rest.readUInt32BE(header)
      if (rest.length < length) return
      if (started && ['Q', 'E'].includes(String.fromCharCode(rest[0]!))) count()
      started = true
      rest = rest.subarray(length)
    }
  }
}
