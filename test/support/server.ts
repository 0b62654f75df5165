import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { systemClock } from '../../src/edges.ts'
import type { ChannelState } from '../../src/protocol/messages/channel.ts'
import type { Execution } from '../../src/protocol/messages/executions.ts'
import type { Credentials, Registered } from '../../src/protocol/messages/registration.ts'
import type { Reservation } from '../../src/protocol/messages/reservations.ts'
import { unsealWith } from '../../src/protocol/seal.ts'
import { rsaKeys } from './keys.ts'
import { resultOf } from './messages.ts'
import type { Component } from './require.ts'
import { type Rig, rigTest } from './rig.ts'
import type { Run } from './run.ts'
import { EventStream } from './sse.ts'
import { isAgain } from './tier.ts'

/** Where a server keeps what it knows: the lines of `[server]` that say so, and what they need. */
export interface StoreKind {
  name: string
  needs: readonly Component[]
  /** Makes an empty store for one test; gone when that ends. */
  open(rig: Rig): Promise<{ keys: Record<string, string>; close(): Promise<void> }>
}

export const sqlite: StoreKind = {
  name: 'SQLite',
  needs: [],
  open: async () => ({ keys: {}, close: async () => {} }),
}

/** Timings with which a test need not wait. */
const quick = {
  lease_seconds: 1.5,
  confirm_within_seconds: 0.6,
  ping_interval_seconds: 0.2,
}

/** An answer, read to its end. */
export interface Answered {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says by what it looks at what it expects
  json: any
}

export interface Asked {
  token?: string | null
  session?: number
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** A server as a test has it: the real program, and what is needed to talk to it. */
export class TestServer {
  readonly rig: Rig
  #run: Run
  #url = ''
  readonly #names = new Map<unknown, string>()

  constructor(rig: Rig, run: Run) {
    this.rig = rig
    this.#run = run
  }

  get url(): string {
    return this.#url
  }

  get run(): Run {
    return this.#run
  }

  get pid(): number {
    return this.#run.child.pid!
  }

  /** Waits until it listens. */
  async ready(): Promise<this> {
    await this.#run.says('listens on')
    this.#url = /listens on (\S+?);/.exec(this.#run.text)![1]!
    return this
  }

  /** A token that the first start has made. */
  token(kind: 'admin' | 'registration'): string {
    return readFileSync(this.rig.path('state', 'server', `${kind}.token`), 'utf8').trim()
  }

  /** Makes a call: JSON, with the administrator's token unless another one is named. */
  async call(method: string, path: string, asked: Asked = {}): Promise<Answered> {
    const response = await this.open(method, path, asked)
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    }
  }

  /** Makes a call, and gives the answer as it begins. */
  open(
    method: string,
    path: string,
    { token = this.token('admin'), session, body, headers = {}, signal }: Asked = {},
  ): Promise<Response> {
    const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData
    return fetch(`${this.#url}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(session === undefined ? {} : { 'runner-session': String(session) }),
        ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: (raw ? body : JSON.stringify(body)) as string }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  /** Opens a stream of server-sent events. */
  async events(path: string, asked: Asked = {}): Promise<EventStream> {
    const stop = new AbortController()
    const response = await this.open('GET', path, { ...asked, signal: stop.signal })
    return new EventStream(response, stop)
  }

  /** Submits a definition and gives its execution; a failed attempt is followed by the next at once. */
  async submit(body: Record<string, unknown> = {}): Promise<Execution> {
    const answer = await this.call('POST', '/v1/executions', {
      body: { image: 'img', retry: { delay_seconds: 0 }, ...body },
    })
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`)
    return answer.json
  }

  async execution(id: string): Promise<Execution> {
    return (await this.call('GET', `/v1/executions/${id}`)).json
  }

  /** A number that /metrics tells, without labels. */
  async metric(name: string): Promise<number> {
    const { text } = await this.call('GET', '/metrics')
    return Number(text.match(new RegExp(`^${name} (\\S+)$`, 'm'))?.[1])
  }

  /** The name of a runner that is given none: `one`, `one-2`, … */
  nameFor(uuid: unknown): string {
    const name = this.#names.get(uuid) ?? (this.#names.size === 0 ? 'one' : `one-${this.#names.size + 1}`)
    this.#names.set(uuid, name)
    return name
  }

  /** Registers a runner, new or known, and takes its session into force with a heartbeat. */
  async runner(given: Record<string, unknown> = {}): Promise<TestRunner> {
    const runner = await TestRunner.register(this, given)
    await runner.heartbeat()
    return runner
  }

  /** Asks it to stop, and waits until it has. */
  async stop(): Promise<number | string> {
    this.#run.child.kill('SIGTERM')
    return this.#run.ended
  }

  /** Starts it again with these variables too. */
  async restartIn(env: Record<string, string>): Promise<this> {
    this.#run = this.rig.start(['server'], { lasting: true, env })
    return this.ready()
  }

  /** Starts it again, in the same place; with options before `server`. */
  async restart(...options: string[]): Promise<this> {
    this.#run = this.rig.start([...options, 'server'], { lasting: true })
    return this.ready()
  }
}

const keys = rsaKeys('runner')

/** The part of a reservation by which a runner names what it holds. */
export type Lease = Pick<Reservation, 'execution_id' | 'lease_id'>

/** A runner, as far as the server can tell. */
export class TestRunner {
  readonly server: TestServer
  readonly id: string
  readonly session: number
  readonly token: string
  readonly dataKey: Buffer
  /** The executions that it has begun, and not ended. */
  readonly holds = new Set<string>()

  constructor(
    server: TestServer,
    registered: Pick<Registered, 'runner_id' | 'session'>,
    credentials: Credentials,
  ) {
    this.server = server
    this.id = registered.runner_id
    this.session = registered.session
    this.token = credentials.token
    this.dataKey = Buffer.from(credentials.data_key, 'base64')
  }

  /** A registration; names of runners are unique. */
  static message(given: Record<string, unknown> = {}): Record<string, unknown> {
    const { uuid = randomUUID() } = given
    return {
      uuid,
      name: `runner-${uuid}`,
      version: '1',
      public_key: keys.publicKey,
      capabilities: ['remote', 'remote-script', 'container'],
      runner_group: 'default',
      ...given,
    }
  }

  static async register(server: TestServer, given: Record<string, unknown> = {}): Promise<TestRunner> {
    const { uuid = randomUUID() } = given
    const answer = await server.call('POST', '/v1/runners/register', {
      token: server.token('registration'),
      body: TestRunner.message({ uuid, name: server.nameFor(uuid), ...given }),
    })
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
    return TestRunner.of(server, answer.json)
  }

  /** The runner that an answer to a registration is about. */
  static of(server: TestServer, registered: Registered): TestRunner {
    const opened = unsealWith(keys.privateKey, registered.credentials)
    if (!opened.ok) throw new Error('the credentials cannot be opened')
    return new TestRunner(server, registered, JSON.parse(opened.value) as Credentials)
  }

  call(method: string, path: string, asked: Asked = {}): Promise<Answered> {
    return this.server.call(method, path, { token: this.token, session: this.session, ...asked })
  }

  heartbeat(given: Record<string, unknown> = {}): Promise<Answered> {
    const body = { state: 'ready', executions: [], executors: [], free_slots: 0, ...given }
    return this.call('POST', `/v1/runners/${this.id}/heartbeat`, { body })
  }

  /** Keeps it connected, and the leases of what it holds, until it is disposed of. */
  alive(also: () => string[] = () => []): AsyncDisposable {
    const over = new AbortController()
    const beating = (async () => {
      while (!over.signal.aborted) {
        await this.heartbeat({ executions: [...this.holds, ...also()], free_slots: 0 }).catch(() => {})
        await systemClock.sleep(quick.lease_seconds / 5, over.signal)
      }
    })()
    return {
      async [Symbol.asyncDispose]() {
        over.abort()
        await beating
      },
    }
  }

  reserve(wait_seconds = 10, slots = 1, asked: Asked = {}): Promise<Answered> {
    return this.call('POST', `/v1/runners/${this.id}/reserve`, { body: { slots, wait_seconds }, ...asked })
  }

  /** Reserves one execution; fails where there is none. */
  async take(wait_seconds = 10): Promise<Reservation> {
    const answer = await this.reserve(wait_seconds)
    if (answer.status !== 200) throw new Error(`nothing to take: ${answer.status} ${answer.text}`)
    return answer.json.executions[0]
  }

  confirm({ execution_id, lease_id }: Lease): Promise<Answered> {
    return this.call('POST', `/v1/executions/${execution_id}/confirm`, { body: { lease_id } })
  }

  /** Reserves and confirms one. */
  async begin(wait_seconds = 10): Promise<Reservation> {
    const reservation = await this.take(wait_seconds)
    const answer = await this.confirm(reservation)
    if (answer.status !== 204) throw new Error(`${answer.status} ${answer.text}`)
    this.holds.add(reservation.execution_id)
    return reservation
  }

  log({ execution_id, lease_id }: Lease, offset: number, bytes: string | Uint8Array): Promise<Answered> {
    return this.call('POST', `/v1/executions/${execution_id}/log?offset=${offset}&lease=${lease_id}`, {
      body: bytes,
    })
  }

  result({ execution_id, lease_id }: Lease, given: Record<string, unknown> = {}): Promise<Answered> {
    const body = { ...resultOf(lease_id, new Date()), ...given }
    return this.call('PUT', `/v1/executions/${execution_id}/result`, { body })
  }

  /** Opens its command channel, and reads its first event. */
  async channel(): Promise<{ events: EventStream; state: ChannelState }> {
    const { token, session, server, id } = this
    const events = await server.events(`/v1/runners/${id}/commands`, { token, session })
    const first = await events.next('state')
    return { events, state: first.data as ChannelState }
  }
}

/**
 * The stores of a test that names none: if the real tier runs the file again, the plain tier has run it on
 * SQLite.
 */
const onceOnSqlite = isAgain ? [] : [sqlite]

/** A test against a real server, on each of these stores. */
export function serverTest(
  t: Test,
  title: string,
  {
    settings = {},
    stores = onceOnSqlite,
    before = [],
    needs = [],
    config = () => '',
  }: {
    settings?: Record<string, string | number>
    stores?: StoreKind[]
    /** A command that ends in executing the program. */
    before?: string[]
    /** The components that the test needs beside the store. */
    needs?: readonly Component[]
    /** Sections behind `[server]`. */
    config?: (rig: Rig) => string
  },
  body: (t: Test, server: TestServer) => Promise<unknown>,
): void {
  // A file that scripts/test.ts runs has a limit, its own or that of all.
  if (process.env.TAP_TIMEOUT === undefined) t.setTimeout(360_000)
  for (const store of stores)
    rigTest(t, `${title} (${store.name})`, { needs: [...store.needs, ...needs] }, async (t, rig) => {
      const place = await store.open(rig)
      const keys = { listen: '127.0.0.1:0', ...quick, ...settings, ...place.keys }
      const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`)
      rig.configure({}, `[server]\n${lines.join('')}${config(rig)}`)
      const server = await new TestServer(rig, rig.start(['server'], { lasting: true, before })).ready()
      try {
        await body(t, server)
      } finally {
        if (server.run.child.exitCode === null && server.run.child.signalCode === null)
          t.equal(await server.stop(), 0, 'it stops when it is asked to')
        await place.close()
      }
    })
}
