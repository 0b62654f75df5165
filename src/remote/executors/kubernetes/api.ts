/* Calls to the API server of a cluster, in one namespace. */
import { Writable } from 'node:stream'
import { Exec } from '@kubernetes/client-node/dist/exec.js'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../../edges.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'
import { type ClusterAccess, CredentialSource } from './access.ts'
import { refusalOf } from './failure.ts'
import { containerName } from './names.ts'
import type { ObjectList, StatusObject, WatchEvent } from './objects.ts'

/** Seconds for the whole of a call, and for the beginning of a stream. */
const callTime = 30
/** Seconds after which the API server ends a watch, and after which a silent one is taken for broken. */
const watchTime = { server: 50, silence: 70 }

type Query = Record<string, string | number | boolean | undefined>
/** `pods`, or `pods/NAME/log`; a path with a slash before it is outside of the namespace. */
type Path = string

export class ClusterApi {
  readonly server: string
  readonly namespace: string
  readonly #config: ClusterAccess['config']
  readonly #credentials: CredentialSource
  readonly #clock: Clock

  constructor({ config, server, namespace }: ClusterAccess, clock: Clock) {
    this.#clock = clock
    this.server = server
    this.namespace = namespace
    this.#config = config
    this.#credentials = new CredentialSource(config)
  }

  get<T>(path: Path, query: Query = {}): Promise<Result<T, Failure>> {
    return this.#call<T>('GET', path, query)
  }

  create<T>(path: Path, object: object, query: Query = {}): Promise<Result<T, Failure>> {
    return this.#call<T>('POST', path, query, object)
  }

  /** Deletes an object; one that is not there is fine. */
  async remove(path: Path, options: object = {}): Promise<Result<void, Failure>> {
    const removed = await this.#call('DELETE', path, {}, options)
    return removed.ok || removed.failure.reason === 'not-found' ? ok(undefined) : removed
  }

  /**
   * The changes of objects after a list of them. Ends without an error when the server ends it, or the signal
   * aborts.
   */
  async *watch<T>(
    path: Path,
    query: Query,
    { metadata }: Pick<ObjectList<T>, 'metadata'>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const { resourceVersion } = metadata
    const all = {
      ...query,
      resourceVersion,
      watch: true,
      allowWatchBookmarks: true,
      timeoutSeconds: watchTime.server,
    }
    const opened = await this.#open('GET', path, all, { signal, silence: watchTime.silence })
    if (!opened.ok) return
    let rest = ''
    const decoder = new TextDecoder()
    try {
      for await (const bytes of opened.value.body) {
        const lines = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line) as WatchEvent<T>
      }
    } catch {
      // It broke: the caller lists anew.
    }
  }

  /** The log of a pod from its beginning. Iterating throws where the connection breaks. */
  async log(
    pod: string,
    follow: boolean,
    signal: AbortSignal,
  ): Promise<Result<AsyncIterable<Uint8Array>, Failure>> {
    const query = { container: containerName, follow }
    const opened = await this.#open('GET', `pods/${pod}/log`, query, { signal, silence: 0 })
    return opened.ok ? ok(opened.value.body as AsyncIterable<Uint8Array>) : opened
  }

  /** Runs a command in the container of a pod; resolves to whether it ended with status 0. */
  async exec(pod: string, words: readonly string[]): Promise<Result<boolean, Failure>> {
    const { promise, resolve } = Promise.withResolvers<Result<boolean, Failure>>()
    const over = new AbortController()
    void this.#clock.sleep(callTime, over.signal).then(() => resolve(fail(timeout(`a command in ${pod}`))))
    try {
      const sink = () => new Writable({ write: (_bytes, _encoding, done) => done() })
      const exec = new Exec(this.#config)
      const said = ({ status }: { status?: string | undefined }) => resolve(ok(status === 'Success'))
      const socket = await exec.exec(
        this.namespace,
        pod,
        containerName,
        [...words],
        sink(),
        sink(),
        null,
        false,
        said,
      )
      socket.on('close', () => resolve(fail(unreachable('the connection of a command broke'))))
      socket.on('error', (error: Error) => resolve(fail(unreachable(errorText(error)))))
      const result = await promise
      socket.close()
      return result
    } catch (error) {
      return fail(unreachable(`no command can be run in ${pod}: ${errorText(error)}`))
    } finally {
      over.abort()
    }
  }

  async #call<T>(
    method: Dispatcher.HttpMethod,
    path: Path,
    query: Query,
    body?: object,
  ): Promise<Result<T, Failure>> {
    const signal = AbortSignal.timeout(callTime * 1000)
    const opened = await this.#open(method, path, query, { signal, silence: callTime, body })
    if (!opened.ok) return opened
    try {
      return ok((await opened.value.body.json()) as T)
    } catch (error) {
      return fail(this.#broken(error))
    }
  }

  /** Makes a call; fails unless the answer is a success. */
  async #open(
    method: Dispatcher.HttpMethod,
    path: Path,
    query: Query,
    { signal, silence, body }: { signal: AbortSignal; silence: number; body?: object | undefined },
  ): Promise<Result<Dispatcher.ResponseData, Failure>> {
    try {
      const { dispatcher, headers } = await this.#credentials.current()
      const known = Object.entries(query).filter(([, value]) => value !== undefined)
      const answer = await dispatcher.request({
        origin: this.server,
        path: path.startsWith('/') ? path : `/api/v1/namespaces/${this.namespace}/${path}`,
        method,
        query: Object.fromEntries(known),
        headers: {
          ...headers,
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
        headersTimeout: callTime * 1000,
        bodyTimeout: silence * 1000,
      })
      if (answer.statusCode < 300) return ok(answer)
      const text = await answer.body.text()
      return fail(refusalOf(answer.statusCode, statusOf(text), { method, path, namespace: this.namespace }))
    } catch (error) {
      return fail(this.#broken(error))
    }
  }

  #broken(error: unknown): Failure {
    const code = errorCode(error)
    if (error instanceof Error && /Timeout|TimeoutError/.test(`${error.name} ${code}`))
      return timeout(`the API server ${this.server}`)
    return unreachable(`the API server ${this.server} cannot be reached: ${errorText(error)}`)
  }
}

const unreachable = (message: string): Failure => ({
  reason: 'engine-unreachable',
  message,
  retry: 'when-back',
})
const timeout = (what: string): Failure => ({
  reason: 'engine-timeout',
  message: `${what} has not answered within ${callTime} s`,
  retry: 'when-back',
})

/** The status in an answer that is not a success; a proxy may have given it. */
function statusOf(text: string): StatusObject {
  try {
    return JSON.parse(text) as StatusObject
  } catch {
    return { message: text.slice(0, 200) }
  }
}
