/* Requests and answers over HTTP: headers, limits of time and size, and the failures of a network. */
import type { Clock } from '../../edges.ts'
import { defined, errorCode, fail, ok, type Result } from '../../result.ts'
import type { CallSpec } from '../call.ts'
import { type ClientFailure, networkFailure, notAServer } from './client-failure.ts'
import { type ClockSample, reportOf, sampleOf } from './clock-sample.ts'
import { openTransport, proxyOf, type Transport, type TransportOptions } from './transport.ts'

export interface ExchangeOptions extends TransportOptions {
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
  /** The difference of the two clocks as the server is told it. */
  clockReport?: () => ClockSample | undefined
}

/** A request to any call; client-types.ts has the type of each. */
export interface AnyRequest {
  params?: unknown
  query?: unknown
  /** Bytes where the call has a media type for its body, else a value that is sent as JSON. */
  body?: unknown
  session?: number | undefined
  idempotencyKey?: string | undefined
  signal?: AbortSignal
  waitSeconds?: number
}

/** An answer whose body has not been read. */
export interface HttpAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: AsyncIterable<Buffer>
}

/** Seconds: for the beginning of an answer, between two pieces of one, and for all of a call. */
const limits = { answer: 30, piece: 45, call: 300 }

/** Seconds as a timer takes them: a whole number of milliseconds that has at most 31 bits. */
const milliseconds = (seconds: number) => Math.min(Math.ceil(seconds * 1000), 2 ** 31 - 1)

/** Aborts when a call has taken too long. */
export const callLimit = (waitSeconds = 0): AbortSignal =>
  AbortSignal.timeout(milliseconds(limits.call + waitSeconds))

/** An answer has more bytes than are read. */
class TooLong extends Error {}

/** Sends requests to one server. */
export class Exchange implements AsyncDisposable {
  #options: ExchangeOptions
  #transport: Promise<Transport> | undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
  }

  /** Uses other certificates or another proxy from now on; calls under way fail. */
  use(transport: TransportOptions): void {
    this.#options = { ...this.#options, ...transport }
    void this[Symbol.asyncDispose]()
  }

  /**
   * Sends a request; gives the answer when its headers have come. `limit` ends the call, as its own signal
   * does.
   */
  async send(
    spec: CallSpec,
    request: AnyRequest,
    limit: AbortSignal | undefined,
    accept = 'application/json, text/plain',
  ): Promise<Result<HttpAnswer, ClientFailure>> {
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
          // An older server reads this header instead of Runner-Time.
          date: sent.toUTCString(),
          'runner-time': String(sent.getTime()),
          ...defined({ 'runner-clock': report && reportOf(report), authorization: this.#authorization() }),
          ...defined({
            'content-type': body === undefined ? undefined : (spec.bodyType ?? 'application/json'),
            'runner-session': request.session?.toString(),
            'idempotency-key': request.idempotencyKey,
          }),
        },
        body: body === undefined ? null : body instanceof Uint8Array ? body : JSON.stringify(body),
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

  #authorization(): string | undefined {
    const token = this.#options.token?.()
    return token === undefined ? undefined : `Bearer ${token}`
  }

  /** Reads the rest of an answer as text; fails where it has more than `most` bytes. */
  async readText(
    body: AsyncIterable<Buffer>,
    signal: AbortSignal | undefined,
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

  /**
   * Reads the rest of an answer piece by piece. The next one waits for `take`, and `false` from it ends the
   * reading.
   */
  async readPieces(
    body: AsyncIterable<Buffer>,
    signal: AbortSignal | undefined,
    take: (piece: Uint8Array) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    const pieces = body[Symbol.asyncIterator]()
    for (;;) {
      let next: IteratorResult<Buffer>
      try {
        next = await pieces.next()
      } catch (error) {
        return fail(this.#failureOf(error, signal))
      }
      if (next.done) return ok(undefined)
      if ((await take(next.value)) === false) {
        // The rest is not wanted, so its being cut off is not a failure.
        await pieces.return?.().catch(() => {})
        return ok(undefined)
      }
    }
  }

  #failureOf(error: unknown, signal: AbortSignal | undefined): ClientFailure {
    if (signal?.aborted) return { reason: 'stopped', message: 'the call was ended' }
    // An error without a code, or a name of undici's, is a bug: failures of a network have one.
    if (error instanceof TypeError && errorCode(error) === 'unknown' && error.cause === undefined) throw error
    const { server, env } = this.#options
    return networkFailure(error, server, proxyOf(server, this.#options, env))
  }

  /** Ends calls under way and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const transport = this.#transport
    this.#transport = undefined
    await (await transport?.catch(() => undefined))?.destroy()
  }
}

/** The path and the query of a request. */
function pathOf(server: URL, spec: CallSpec, { params, query }: AnyRequest): string {
  const values = new Map<string, string>(Object.entries(params ?? {}))
  const path = spec.path
    .slice(1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values.get(name)!))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) search.append(name, String(value))
  return `${server.pathname}${path}${search.size === 0 ? '' : `?${search}`}`
}
