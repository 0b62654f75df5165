/** An event of a stream. */
export interface ServerEvent {
  event: string
  id: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: a test says by what it looks at what it expects
  data: any
}

/** A stream of server-sent events, read as it comes. */
export class EventStream {
  readonly response: Response
  readonly #stop: AbortController
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #decoder = new TextDecoder()
  readonly #ready: ServerEvent[] = []
  #rest = ''
  /** Whether a comment line has come. */
  commented = false

  constructor(response: Response, stop: AbortController) {
    this.response = response
    this.#stop = stop
    this.#reader = response.body?.getReader()
  }

  /** The next event, or the next of that name; undefined at the end of the stream. */
  async next(name?: string): Promise<ServerEvent> {
    for (;;) {
      const event = await this.#read()
      if (event === undefined) throw new Error(`the stream ended before ${name ?? 'another event'}`)
      if (name === undefined ? event.event !== 'ping' : event.event === name) return event
    }
  }

  /** All events up to the end of the stream, pings aside. */
  async rest(): Promise<ServerEvent[]> {
    const events: ServerEvent[] = []
    for (;;) {
      const event = await this.#read().catch(() => undefined)
      if (event === undefined) return events
      if (event.event !== 'ping') events.push(event)
    }
  }

  close(): void {
    this.#stop.abort()
  }

  async #read(): Promise<ServerEvent | undefined> {
    while (this.#ready.length === 0) {
      const part = await this.#reader?.read()
      if (part === undefined || part.done) return undefined
      const blocks = (this.#rest + this.#decoder.decode(part.value, { stream: true })).split('\n\n')
      this.#rest = blocks.pop()!
      for (const block of blocks) this.#take(block)
    }
    return this.#ready.shift()
  }

  #take(block: string): void {
    const lines = block.split('\n')
    if (lines.some(line => line.startsWith(':'))) this.commented = true
    const value = (name: string) => lines.find(line => line.startsWith(`${name}: `))?.slice(name.length + 2)
    const event = value('event')
    if (event !== undefined) this.#ready.push({ event, id: value('id'), data: JSON.parse(value('data')!) })
  }
}
