/*
 * A client for the calls of api.ts: requests are typed, answers too, and whatever goes wrong is a value.
 */
import type { Static, TSchema } from 'typebox'
import type { Clock } from '../edges.ts'
import { errorCode, fail, ok, type Result } from '../result.ts'
import { api, type Call, type CallName } from './api.ts'
import { answerFailure, type ClientFailure, mediaType, networkFailure, notAServer } from './client-failure.ts'
import { openTransport, proxyOf, type Transport, type TransportOptions } from './transport.ts'

type Spec<N extends CallName> = (typeof api)[N]
type Part<N extends CallName, K extends string> =
  Spec<N> extends Record<K, infer S extends TSchema> ? Static<S> : never
type Given<K extends string, V> = [V] extends [never]
  ? { [key in K]?: undefined }
  : Record<string, never> extends V
    ? { [key in K]?: V }
    : { [key in K]: V }

/** What a call takes. */
export type Request<N extends CallName> = Given<'params', Part<N, 'params'>> &
  Given<'query', Part<N, 'query'>> &
  (Spec<N> extends { bodyType: string }
    ? { body: Uint8Array }
    : Spec<N> extends { body: TSchema }
      ? { body: Part<N, 'body'> }
      : { body?: undefined }) &
  (Spec<N> extends { session: true } ? { session: number } : { session?: undefined }) &
  (Spec<N> extends { idempotent: true } ? { idempotencyKey?: string } : { idempotencyKey?: undefined }) & {
    /** Ends the call: it fails with `stopped`. */
    signal?: AbortSignal
    /** Seconds that the server may take on purpose before it answers. */
    waitSeconds?: number
  }

type AnswerOf<S> = S extends TSchema ? Static<S> : S extends null ? undefined : string
/** What a call answers: JSON, nothing, or text. */
export type Answer<N extends CallName> = {
  [S in keyof Spec<N>['answers']]: AnswerOf<Spec<N>['answers'][S]>
}[keyof Spec<N>['answers']]

/** A server-sent event. */
export interface ServerEvent {
  event: string
  data: string
  id?: string
}

export interface ClientOptions extends TransportOptions {
  server: URL
  /** Asked for each call: it may change. */
  token?: () => string | undefined
  clock: Clock
  /** For the proxy. */
  env: NodeJS.ProcessEnv
  /** Hears the server's clock, from the Date header of each answer. */
  onDate?: (date: Date) => void
}

/** Seconds: for the beginning of an answer, between two pieces of one, and for all of a call. */
const limits = { answer: 30, piece: 45, call: 300 }

type Sent = Result<
  { status: number; headers: Record<string, string | string[] | undefined>; body: AsyncIterable<Buffer> },
  ClientFailure
>

export class Client implements AsyncDisposable {
  #options: ClientOptions
  #transport: Promise<Transport> | undefined

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** Goes by other files from now on; what is under way breaks. */
  use(transport: TransportOptions): void {
    this.#options = { ...this.#options, ...transport }
    void this[Symbol.asyncDispose]()
  }

  /** Makes a call and gives its answer. */
  async call<N extends CallName>(name: N, request: Request<N>): Promise<Result<Answer<N>, ClientFailure>> {
    const limit = AbortSignal.timeout((limits.call + (request.waitSeconds ?? 0)) * 1000)
    const sent = await this.#send(name, request, limit)
    if (!sent.ok) return sent
    const { status, headers, body } = sent.value
    const text = await this.#textOf(body, request, limit)
    if (!text.ok) return text
    const { server } = this.#options
    if (status < 200 || status > 299) {
      // An answer with an error status that the call has, as /health has.
      if (!(status in api[name].answers)) return fail(answerFailure(status, headers, text.value, server))
    }
    if (status === 204) return ok(undefined as Answer<N>)
    const type = mediaType(headers)
    if (type === 'text/plain') return ok(text.value as Answer<N>)
    if (type !== 'application/json') return fail(notAServer(server, `it answers with ${type || 'no type'}`))
    try {
      return ok(JSON.parse(text.value) as Answer<N>)
    } catch {
      return fail(notAServer(server, 'its JSON is none'))
    }
  }

  /**
   * Follows server-sent events until the server ends them, `signal` aborts, or nothing has come for 45 s. The next
   * event waits for what `take` returns; where that is `false` no more are wanted.
   */
  async events<N extends CallName>(
    name: N,
    request: Request<N>,
    take: (event: ServerEvent) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    const { createParser } = await import('eventsource-parser')
    let came: ServerEvent[] = []
    const parser = createParser({
      onEvent: ({ event = 'message', data, id }) =>
        came.push({ event, data, ...(id === undefined ? {} : { id }) }),
    })
    const decoder = new TextDecoder()
    return this.#stream(name, request, 'text/event-stream', async piece => {
      parser.feed(decoder.decode(piece, { stream: true }))
      const events = came
      came = []
      for (const event of events) if ((await take(event)) === false) return false
    })
  }

  /** Reads an answer of text as bytes, piece by piece; the next one waits for what `take` returns. */
  async bytes<N extends CallName>(
    name: N,
    request: Request<N>,
    take: (piece: Uint8Array) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    return this.#stream(name, request, 'text/plain', take)
  }

  async #stream<N extends CallName>(
    name: N,
    request: Request<N>,
    wanted: string,
    take: (piece: Uint8Array) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    const sent = await this.#send(name, request, undefined, wanted)
    if (!sent.ok) return sent
    const { status, headers, body } = sent.value
    const { server } = this.#options
    if (status !== 200 || mediaType(headers) !== wanted) {
      const text = await this.#textOf(body, request)
      if (!text.ok) return text
      if (status === 200) return fail(notAServer(server, `it answers with ${mediaType(headers)}`))
      return fail(answerFailure(status, headers, text.value, server))
    }
    const pieces = body[Symbol.asyncIterator]()
    for (;;) {
      let next: IteratorResult<Buffer>
      try {
        next = await pieces.next()
      } catch (error) {
        return fail(this.#failureOf(error, request.signal))
      }
      if (next.done) return ok(undefined)
      if ((await take(next.value)) === false) {
        // The rest is not wanted; that it was cut off is no failure.
        await pieces.return?.().catch(() => {})
        return ok(undefined)
      }
    }
  }

  async #send<N extends CallName>(
    name: N,
    request: Request<N>,
    limit: AbortSignal | undefined,
    accept = 'application/json, text/plain',
  ): Promise<Sent> {
    const spec: Call = api[name]
    const { server, clock, env } = this.#options
    const { signal, waitSeconds = 0, body } = request
    this.#transport ??= openTransport(server, this.#options, env)
    try {
      const transport = await this.#transport
      const {
        statusCode,
        headers,
        body: answer,
      } = await transport.request({
        origin: server.origin,
        path: pathOf(server, spec, request),
        method: spec.method,
        headers: {
          accept,
          date: clock.now().toUTCString(),
          ...this.#authorization(),
          ...(body === undefined ? {} : { 'content-type': spec.bodyType ?? 'application/json' }),
          ...(request.session === undefined ? {} : { 'runner-session': String(request.session) }),
          ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
        },
        body:
          body === undefined
            ? null
            : spec.bodyType === undefined
              ? JSON.stringify(body)
              : (body as Uint8Array),
        headersTimeout: (limits.answer + waitSeconds) * 1000,
        bodyTimeout: limits.piece * 1000,
        signal: AbortSignal.any([signal, limit].filter(one => one !== undefined)),
      })
      const date = Date.parse(String(headers.date ?? ''))
      if (!Number.isNaN(date)) this.#options.onDate?.(new Date(date))
      return ok({ status: statusCode, headers, body: answer })
    } catch (error) {
      return fail(this.#failureOf(error, signal))
    }
  }

  #authorization(): { authorization?: string } {
    const token = this.#options.token?.()
    return token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  async #textOf(
    body: AsyncIterable<Buffer>,
    { signal }: { signal?: AbortSignal },
    limit?: AbortSignal,
  ): Promise<Result<string, ClientFailure>> {
    const pieces: Buffer[] = []
    try {
      for await (const piece of body) pieces.push(piece)
      return ok(Buffer.concat(pieces).toString())
    } catch (error) {
      return fail(this.#failureOf(limit?.aborted ? limit.reason : error, signal))
    }
  }

  #failureOf(error: unknown, signal: AbortSignal | undefined): ClientFailure {
    if (signal?.aborted) return { reason: 'stopped', message: 'the call was ended' }
    // A bug: what a network does has a code, or a name of undici's.
    if (error instanceof TypeError && errorCode(error) === 'unknown' && error.cause === undefined) throw error
    const { server, env } = this.#options
    return networkFailure(error, server, proxyOf(server, this.#options, env))
  }

  /** Ends what is under way and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const transport = this.#transport
    this.#transport = undefined
    await (await transport?.catch(() => undefined))?.destroy()
  }
}

function pathOf(
  server: URL,
  spec: Call,
  { params = {}, query = {} }: { params?: unknown; query?: unknown },
): string {
  const values = params as Record<string, string>
  const path = spec.path
    .slice(1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name]!))
  const pairs = Object.entries(query as Record<string, unknown>).filter(([, value]) => value !== undefined)
  const search = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, String(value)]))
  return `${server.pathname}${path}${search.size === 0 ? '' : `?${search}`}`
}
