import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a PostgreSQL on a loopback port. */
export class PostgresProxy implements AsyncDisposable {
  /** Statements that clients have sent so far. */
  statements = 0
  /** The client that sends the statement of this number is cut off: the server gets that, and its answer is lost. */
  cutAt: number | undefined
  /** Happens in the place of that cut, before the server gets the statement. */
  instead: (() => void) | undefined
  readonly #server: Server
  readonly #pairs = new Set<{ client: Socket; upstream: Socket; sent: string }>()
  /** The hold for which new connections wait. */
  #hold: { reached: () => void; released: Promise<void> } | undefined

  private constructor(port: number) {
    this.#server = createServer(async client => {
      client.on('error', () => {})
      this.#hold?.reached()
      await this.#hold?.released
      const upstream = connect(port, '127.0.0.1')
      const pair = { client, upstream, sent: '' }
      this.#pairs.add(pair)
      const counted = counter(() => {
        if (++this.statements !== this.cutAt) return
        if (this.instead !== undefined) return this.instead()
        client.destroy()
        setImmediate(() => upstream.end())
      })
      client.on('data', (data: Buffer) => {
        counted(data)
        pair.sent += data.toString('latin1')
      })
      client.pipe(upstream, { end: false })
      upstream.pipe(client)
      upstream.on('error', () => {})
      upstream.on('close', () => {
        this.#pairs.delete(pair)
        // Where the server has gone it has for the client too, which may wait for an answer.
        client.destroySoon()
      })
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

  /** Cuts clients off without the server noticing, as a network does that goes away: those that have sent a text. */
  cut(sent = ''): void {
    for (const pair of this.#pairs) if (pair.sent.includes(sent)) pair.client.destroy()
  }

  /** Keeps new connections from the server until they are released; `reached` resolves when there is one. */
  hold(): { reached: Promise<void>; release: () => void } {
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    this.#hold = { reached: reached.resolve, released: released.promise }
    const release = () => {
      this.#hold = undefined
      released.resolve()
    }
    return { reached: reached.promise, release }
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
  return (data: Buffer) => {
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
