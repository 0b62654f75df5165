/* One connection to `GET /v1/events`, for all tabs of a browser. */
import { createParser } from 'eventsource-parser'

export const topics = ['execution', 'job', 'runner', 'group', 'schedule'] as const
export type Topic = (typeof topics)[number]

/** Something has changed. */
export interface Change {
  topic: Topic
  /** null: any thing of the topic, such as every schedule when all are paused. */
  id: string | null
}

/** The messages to the tabs. */
export type Message =
  /** undefined: changes have been missed, so anything may have changed. */
  | { kind: 'change'; change: Change | undefined }
  | { kind: 'connected' }
  | { kind: 'lost' }
  /** The server does not know the browser session any more; only another start tries again. */
  | { kind: 'refused' }

/** Seconds to the next try, at first and at most. */
const firstWait = 1
const longestWait = 30
/** The server says something at least every 15 s; silence for this many ms is a dead connection. */
const longestSilence = 45_000

/** Reads the server's changes, connects again when the connection is lost, and goes on where it was. */
export class ChangeStream {
  readonly #tell: (message: Message) => void
  #over = new AbortController()
  #last: string | undefined
  #key: string | undefined

  constructor(tell: (message: Message) => void) {
    this.#tell = tell
  }

  /** Begins, or begins anew with another key. */
  start(key: string | undefined): void {
    this.stop()
    this.#key = key
    const over = new AbortController()
    this.#over = over
    void this.#run(over.signal)
  }

  stop(): void {
    this.#over.abort()
  }

  async #run(over: AbortSignal): Promise<void> {
    for (let failures = 0; !over.aborted; ) {
      const began = this.#last
      try {
        await this.#read(over)
        return this.#tell({ kind: 'refused' })
      } catch {
        if (over.aborted) return
        failures = this.#last === began ? failures + 1 : 1
        this.#tell({ kind: 'lost' })
      }
      const seconds = Math.min(longestWait, firstWait * 2 ** Math.max(0, failures - 1))
      await new Promise(resolve => setTimeout(resolve, seconds * 1000 * (0.5 + Math.random() / 2)))
    }
  }

  /** Reads one connection, and rejects at its end; resolves where the server refuses it. */
  async #read(over: AbortSignal): Promise<void> {
    const silence = new AbortController()
    let watchdog = setTimeout(() => silence.abort(), longestSilence)
    try {
      const answer = await fetch('/v1/events', {
        headers: {
          accept: 'text/event-stream',
          ...(this.#key === undefined ? {} : { 'Runner-Page-Key': this.#key }),
          ...(this.#last === undefined ? {} : { 'Last-Event-ID': this.#last }),
        },
        signal: AbortSignal.any([over, silence.signal]),
      })
      if (answer.status === 401 || answer.status === 403) return
      if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`)
      this.#tell({ kind: 'connected' })
      const parser = createParser({
        onEvent: ({ event, id, data }) => {
          // Nobody knows what has changed before the first event of all.
          if (event === 'reset' || this.#last === undefined) this.#tell({ kind: 'change', change: undefined })
          if (id !== undefined) this.#last = id
          const topic = topics.find(known => known === event)
          if (topic === undefined) return
          const { id: subject } = JSON.parse(data) as { id: string | null }
          this.#tell({ kind: 'change', change: { topic, id: subject } })
        },
      })
      const decoder = new TextDecoder()
      for await (const bytes of answer.body) {
        clearTimeout(watchdog)
        watchdog = setTimeout(() => silence.abort(), longestSilence)
        parser.feed(decoder.decode(bytes, { stream: true }))
      }
      throw new Error('the server ended the connection')
    } finally {
      clearTimeout(watchdog)
    }
  }
}
