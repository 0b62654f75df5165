/* A web hook that takes messages, or does not, as a test says. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Notifier } from '../../src/system/wait.ts'

/** A message that has arrived. */
export interface Received {
  path: string
  headers: IncomingMessage['headers']
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says by what it looks at what it expects
  json: any
}

/** Answers a message. */
export type Answer = (response: ServerResponse, received: Received) => void

export const taken: Answer = response => response.end('ok')

export class HookReceiver implements AsyncDisposable {
  readonly received: Received[] = []
  answer: Answer = taken
  readonly #server: Server
  readonly #arrived = new Notifier()

  private constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', part => parts.push(part))
      request.on('end', () => {
        const text = Buffer.concat(parts).toString()
        const one = { path: request.url ?? '', headers: request.headers, text, json: JSON.parse(text) }
        this.received.push(one)
        this.answer(response, one)
        this.#arrived.notify()
      })
    })
  }

  static async open(port = 0): Promise<HookReceiver> {
    const receiver = new HookReceiver()
    await new Promise<void>(resolve => receiver.#server.listen(port, '127.0.0.1', resolve))
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  url(path = '/hook'): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  /** Waits until so many messages have arrived in all, and gives them. */
  async until(count: number): Promise<Received[]> {
    while (this.received.length < count) await this.#arrived.notified
    return this.received
  }

  /** Waits for a message for which something is true. */
  async find(is: (one: Received) => boolean): Promise<Received> {
    for (;;) {
      const found = this.received.find(is)
      if (found !== undefined) return found
      await this.#arrived.notified
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
