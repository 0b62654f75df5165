/*
 * A client for the calls of api.ts: requests are typed, answers too, and whatever goes wrong is a value.
 */
import type { Static, TSchema } from 'typebox'
import type { Clock } from '../edges.ts'
import { errorCode, fail, ok, type Result } from '../result.ts'
import { isJudged, judgeAnswer } from './answers.ts'
import { api, type Call, type CallName } from './api.ts'
import {
  answerFailure,
  answerInvalid,
  type ClientFailure,
  mediaType,
  networkFailure,
  notAServer,
} from './client-failure.ts'
import { type ClockSample, reportOf, sampleOf } from './clock-sample.ts'
import { parseJson } from './exact-json.ts'
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

/** What is judged in parts may lack each of them. */
type Fitting<S extends TSchema> = S extends { inParts: true } ? Partial<Static<S>> : Static<S>
type AnswerOf<S> = S extends TSchema ? Fitting<S> : S extends null ? undefined : string
/** What a call answers: JSON, nothing, or text. */
export type Answer<N extends CallName> = {
  [S in keyof Spec<N>['answers']]: AnswerOf<Spec<N>['answers'][S]>
}[keyof Spec<N>['answers']]

/** A server-sent event as it came. */
interface RawEvent {
  event: string
  data: string
  id?: string
}

type Events<N extends CallName> =
  Spec<N> extends Record<'events', infer E extends Record<string, TSchema>> ? E : never
/** An event of a stream, with what it says. */
export type ServerEvent<N extends CallName> = {
  [E in keyof Events<N> & string]: { event: E; data: Fitting<Events<N>[E]>; id?: string }
}[keyof Events<N> & string]

export interface ClientOptions extends TransportOptions {
  server: URL
  /** Asked for each call: it may change. */
  token?: () => string | undefined
  /** Asked before each call: a failure keeps it from being made. */
  check?: () => ClientFailure | undefined
  clock: Clock
  /** For the proxy. */
  env: NodeJS.ProcessEnv
  /** Hears what each answer tells of the server's clock. */
  onClock?: (sample: ClockSample) => void
  /** What is reported to the server of the two clocks. */
  clockReport?: () => ClockSample | undefined
  /**
   * Hears what is left out of an answer that is judged in parts, and of events that do not fit. Without it an event that
   * does not fit ends the stream.
   */
  onRefused?: (message: string) => void
}

/** Seconds: for the beginning of an answer, between two pieces of one, and for all of a call. */
const limits = { answer: 30, piece: 45, call: 300 }
/** Bytes of an answer that is read as a whole, of an event, and of an answer that says what went wrong. */
const sizes = { answer: 268_435_456, event: 67_108_864, problem: 1_048_576 }

/** As a timer takes them, however long a server says that it lets wait: a whole number of 31 bits. */
const milliseconds = (seconds: number) => Math.min(Math.ceil(seconds * 1000), 2 ** 31 - 1)

/** An answer has more bytes than are read. */
class TooLong extends Error {}

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
    const limit = AbortSignal.timeout(milliseconds(limits.call + (request.waitSeconds ?? 0)))
    const sent = await this.#send(name, request, limit)
    if (!sent.ok) return sent
    const { status, headers, body } = sent.value
    // An answer with an error status that the call has, as /health has, is one.
    const isAnswer = status in api[name].answers
    const text = await this.#textOf(body, request, isAnswer ? sizes.answer : sizes.problem, limit)
    if (!text.ok) return text
    const { server } = this.#options
    if (!isAnswer) return fail(answerFailure(status, headers, text.value, server))
    if (status === 204) return ok(undefined as Answer<N>)
    const type = mediaType(headers)
    if (type === 'text/plain' && !isJudged(`${name} ${status}`)) return ok(text.value as Answer<N>)
    if (type !== 'application/json') return fail(notAServer(server, `it answers with ${type || 'no type'}`))
    let json: unknown
    try {
      json = parseJson(text.value)
    } catch {
      return fail(notAServer(server, 'its JSON is none'))
    }
    return this.#judge<Answer<N>>(name, String(status), json)
  }

  /** What of an answer or an event fits its schema. */
  #judge<T>(name: CallName, which: string, json: unknown): Result<T, ClientFailure> {
    const { server, onRefused } = this.#options
    const judged = judgeAnswer(`${name} ${which}`, json)
    if (!judged.ok) return fail(answerInvalid(server, name, judged.failure))
    const { value, refused } = judged.value
    for (const sentence of refused) onRefused?.(answerInvalid(server, name, sentence).message)
    return ok(value as T)
  }

  /**
   * Follows server-sent events until the server ends them, `signal` aborts, or nothing has come for 45 s. The next
   * event waits for what `take` returns; where that is `false` no more are wanted.
   */
  async events<N extends CallName>(
    name: N,
    request: Request<N>,
    take: (event: ServerEvent<N>) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    const { createParser } = await import('eventsource-parser')
    const { server, onRefused } = this.#options
    let came: RawEvent[] = []
    let wrong: ClientFailure | undefined
    const parser = createParser({
      maxBufferSize: sizes.event,
      onEvent: ({ event = 'message', data, id }) =>
        came.push({ event, data, ...(id === undefined ? {} : { id }) }),
    })
    const decoder = new TextDecoder()
    const followed = await this.#stream(name, request, 'text/event-stream', async piece => {
      try {
        parser.feed(decoder.decode(piece, { stream: true }))
      } catch {
        wrong = answerInvalid(server, name, `an event has more than ${sizes.event} bytes`)
        return false
      }
      const events = came
      came = []
      for (const event of events) {
        const judged = this.#judgeEvent(name, event)
        if (judged === undefined) continue
        if (judged.ok) {
          if ((await take(judged.value)) === false) return false
        } else if (onRefused === undefined) {
          wrong = judged.failure
          return false
        } else onRefused(judged.failure.message)
      }
    })
    return wrong === undefined ? followed : fail(wrong)
  }

  /** An event with its data; undefined for one that is not known: it is of a newer server. */
  #judgeEvent<N extends CallName>(
    name: N,
    { event, data, id }: RawEvent,
  ): Result<ServerEvent<N>, ClientFailure> | undefined {
    if (!isJudged(`${name} ${event}`)) return undefined
    let json: unknown
    try {
      json = JSON.parse(data)
    } catch {
      return fail(answerInvalid(this.#options.server, name, `the event ${event} is not JSON`))
    }
    const judged = this.#judge<unknown>(name, event, json)
    if (!judged.ok) return judged
    return ok({ event, data: judged.value, ...(id === undefined ? {} : { id }) } as ServerEvent<N>)
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
      const text = await this.#textOf(body, request, sizes.problem)
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
    const refused = this.#options.check?.()
    if (refused !== undefined) return fail(refused)
    this.#transport ??= openTransport(server, this.#options, env)
    try {
      const transport = await this.#transport
      const [sent, began] = [clock.now(), clock.monotonic()]
      const report = this.#options.clockReport?.()
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
          // For a server of before.
          date: sent.toUTCString(),
          'runner-time': String(sent.getTime()),
          ...(report === undefined ? {} : { 'runner-clock': reportOf(report) }),
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
        headersTimeout: milliseconds(limits.answer + waitSeconds),
        bodyTimeout: limits.piece * 1000,
        signal: AbortSignal.any([signal, limit].filter(one => one !== undefined)),
      })
      const sample = sampleOf(headers, sent.getTime(), (clock.monotonic() - began) * 1000)
      if (sample !== undefined) this.#options.onClock?.(sample)
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
    most: number,
    limit?: AbortSignal,
  ): Promise<Result<string, ClientFailure>> {
    const pieces: Buffer[] = []
    let length = 0
    try {
      for await (const piece of body) {
        length += piece.length
        if (length > most) throw new TooLong()
        pieces.push(piece)
      }
      return ok(Buffer.concat(pieces).toString())
    } catch (error) {
      if (error instanceof TooLong)
        return fail(notAServer(this.#options.server, `its answer has more than ${most} bytes`))
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
