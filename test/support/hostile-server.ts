/* A server that speaks the protocol, over real HTTP, and says in it whatever a test wants. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registration } from '../../src/protocol/messages/registration.ts'
import { seal, sealFor } from '../../src/protocol/seal.ts'
import { attachedSettings } from './answers.ts'

/** Leases are short, so that a test sees them end. */
export const settings = { ...attachedSettings, lease_seconds: 3, max_output_bytes: 1_000_000 }

/** A call that was made to it. */
export interface Heard {
  method: string
  path: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says by what it looks at what it expects
  body: any
}

/** JSON that a call is answered with; undefined: as a server that means well has it. */
export type Say = (heard: Heard) => { status?: number; type?: string; body: unknown } | undefined

/** The refusal of a message. */
export const malformed = (detail: string): ReturnType<Say> => ({
  status: 400,
  type: 'application/problem+json',
  body: { type: 'urn:runner:problem:malformed', title: 'Bad Request', status: 400, detail },
})

export class HostileServer implements AsyncDisposable {
  readonly dataKey: Buffer = randomBytes(32)
  readonly heard: Heard[] = []
  /** The settings that it sends with every answer that has settings. */
  settings = settings
  readonly #server: Server
  readonly #say: Say
  #channel: ServerResponse | undefined
  #changed = Promise.withResolvers<void>()

  private constructor(say: Say) {
    this.#say = say
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(say: Say = () => undefined): Promise<HostileServer> {
    const server = new HostileServer(say)
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  token(kind: string): string {
    return `rnr_${kind}_x`
  }

  /** Says an event, as text, over the command channel, when there is one. */
  async event(event: string, data: unknown): Promise<void> {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    await this.#until(() => this.#channel !== undefined)
    this.#channel!.write(`event: ${event}\ndata: ${text}\n\n`)
  }

  /** Waits until it has heard a call that fits, since `from` of them. */
  async hears(fits: (heard: Heard) => boolean, from = 0): Promise<Heard> {
    const find = () => this.heard.slice(from).find(fits)
    await this.#until(() => find() !== undefined)
    return find()!
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#changed.promise
  }

  #ring(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** A reservation as a server that means well has it. */
  reservation(more: object = {}): Record<string, unknown> {
    const [execution_id, lease_id] = [uuid(), uuid()]
    return {
      execution_id,
      lease_id,
      kind: 'script',
      job_name: null,
      group: execution_id,
      attempt: 1,
      image: 'box',
      command: ['true'],
      input: null,
      secret_values: null,
      abort_timeout_seconds: 1,
      confirm_within_seconds: 30,
      ...more,
    }
  }

  sealed(text: string | Uint8Array): string {
    return seal(text, this.dataKey)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = Buffer.concat(await request.toArray())
    const text = bytes.toString()
    const [path, query] = request.url!.split('?')
    const body = request.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined
    const heard = { method: request.method!, path: path!, body }
    const said = this.#say(heard)
    this.heard.push(heard)
    this.#ring()
    if (said !== undefined) return json(response, said.body, said.status, said.type)
    if (path!.endsWith('/register')) return json(response, this.registered(body))
    if (path!.endsWith('/commands')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(
        `event: state\ndata: ${JSON.stringify({ settings: this.settings, role: null, abort: [], scripts: [] })}\n\n`,
      )
      this.#channel = response
      return this.#ring()
    }
    if (path!.endsWith('/heartbeat'))
      return json(response, {
        settings: this.settings,
        role: null,
        leases: {},
        abort: [],
        gone: [],
        unknown: [],
        scripts: [],
      })
    if (path!.endsWith('/reserve')) return
    if (path!.endsWith('/log')) {
      const offset = Number(new URLSearchParams(query).get('offset'))
      return json(response, { length: offset + bytes.length })
    }
    response.writeHead(204).end()
  }

  registered({ uuid, public_key }: Registration): Record<string, unknown> {
    const credentials = { token: 'rnr_runner_x', data_key: this.dataKey.toString('base64') }
    return {
      runner_id: uuid,
      session: 1,
      created_at: '2026-01-01T00:00:00.000Z',
      settings: this.settings,
      credentials: sealFor(public_key, JSON.stringify(credentials)),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

const uuid = () => crypto.randomUUID()

function json(response: ServerResponse, body: unknown, status = 200, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type })
  // Text is sent as it is: not all that a server can say is JSON.
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
