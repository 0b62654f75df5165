/* The real server in the process of the test, on a store of its own. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemChance, systemClock } from '../../src/edges.ts'
import type { Execution } from '../../src/protocol/messages/executions.ts'
import type { Submit } from '../../src/protocol/messages/jobs.ts'
import type { ServerSettings } from '../../src/server/rules/context.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { giveFirstTokens } from '../../src/server/upkeep/first-tokens.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { Notifier } from '../../src/system/wait.ts'
import { makeContext } from './context.ts'

/** Timings with which a test need not wait. */
const quick = { lease_seconds: 1.5, confirm_within_seconds: 0.6, ping_interval_seconds: 0.2 }

export class LocalServer implements AsyncDisposable {
  readonly store: Store
  readonly #server: RunningServer
  readonly #directory: string
  /** Notified when a transaction has changed something. */
  readonly #changed: Notifier

  private constructor(store: Store, server: RunningServer, directory: string, changed: Notifier) {
    this.store = store
    this.#server = server
    this.#directory = directory
    this.#changed = changed
  }

  static async start(parent: string, settings: Partial<ServerSettings> = {}): Promise<LocalServer> {
    const directory = join(parent, 'server')
    mkdirSync(directory)
    const opened = await openStore({
      database: `sqlite:${join(directory, 'server.db')}`,
      dataDir: directory,
      keyFile: join(directory, 'server.key'),
    })
    if (!opened.ok) throw new Error(opened.failure.detail)
    const { store, keys } = opened.value
    const context = { ...makeContext({ ...quick, ...settings }), keys, chance: systemChance }
    const tokens = await giveFirstTokens(store, context, directory)
    if (!tokens.ok) throw new Error(tokens.failure)
    const changed = new Notifier()
    store.subscribe(() => changed.notify())
    const server = await startServer({
      listen: { host: '127.0.0.1', port: 0 },
      store,
      context,
      dataDir: directory,
      tls: undefined,
      browsers: { page: false, publicUrl: undefined },
      targets: [],
      notifyPrivate: true,
      trustedProxies: [],
      passOnAudit: undefined,
      version: '1',
      clock: systemClock,
      log: () => {},
      beforeListening: async () => {},
    })
    return new LocalServer(store, server, directory, changed)
  }

  get url(): string {
    return this.#server.url
  }

  token(kind: 'admin' | 'registration'): string {
    return readFileSync(join(this.#directory, `${kind}.token`), 'utf8').trim()
  }

  /** Makes a call as the administrator; rejects where it is refused. */
  async call(method: string, path: string, body?: unknown): Promise<string> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token('admin')}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text
  }

  /** Submits a definition, a failed attempt of which is followed by the next at once; resolves to the id of its execution. */
  async submit(definition: Partial<Submit> = {}): Promise<string> {
    const made = JSON.parse(
      await this.call('POST', '/v1/executions', {
        image: 'box',
        retry: { delay_seconds: 0 },
        ...definition,
      }),
    )
    return (made as Execution).id
  }

  async execution(id: string): Promise<Execution> {
    return JSON.parse(await this.call('GET', `/v1/executions/${id}`)) as Execution
  }

  log(id: string): Promise<string> {
    return this.call('GET', `/v1/executions/${id}/log`)
  }

  abort(id: string): Promise<unknown> {
    return this.call('POST', `/v1/executions/${id}/abort`)
  }

  /** Waits until an execution is as it should be. */
  async until(id: string, isSo: (execution: Execution) => boolean): Promise<Execution> {
    const late = AbortSignal.timeout(20_000)
    for (;;) {
      const { notified } = this.#changed
      const execution = await this.execution(id)
      if (isSo(execution)) return execution
      if (late.aborted) throw new Error(`it stays as it is: ${JSON.stringify(execution)}`)
      // Transactions do not notify about logs, so the loop looks every tenth of a second.
      await Promise.race([notified, systemClock.sleep(0.1)])
    }
  }

  ended(id: string): Promise<Execution> {
    return this.until(id, ({ state }) => ['succeeded', 'failed', 'aborted'].includes(state))
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#server[Symbol.asyncDispose]()
  }
}
