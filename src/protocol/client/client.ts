/*
 * A client for the calls of api.ts: requests are typed, answers too, and each failure is a value.
 */
import { defined, fail, ok, type Result } from '../../result.ts'
import { api, type CallName, specOf } from '../api.ts'
import { parseJson } from '../exact-json.ts'
import { isJudged, judgeAnswer } from './answers.ts'
import {
  answerFailure,
  answerInvalid,
  type ClientFailure,
  mediaType,
  notAServer,
  withTokenFile,
} from './client-failure.ts'
import type { Answer, Request, ServerEvent } from './client-types.ts'
import { openEventParser, type RawEvent } from './event-parser.ts'
import { callLimit, Exchange, type ExchangeOptions } from './exchange.ts'
import type { TransportOptions } from './transport.ts'

export interface ClientOptions extends ExchangeOptions {
  /**
   * Hears of each part that is left out of an answer which is judged in parts, and of each event that does
   * not fit its schema. Without it such an event ends the stream.
   */
  onRefused?: (message: string) => void
  /** The file that has the token: a failure names it. */
  tokenFile?: string | undefined
}

type Answered = [...Parameters<typeof answerFailure>] extends [...infer Answer, URL] ? Answer : never

/** Bytes of an answer that is read as a whole, of an event, and of an answer that says what went wrong. */
const sizes = { answer: 268_435_456, event: 67_108_864, problem: 1_048_576 }

export class Client implements AsyncDisposable {
  readonly #server: URL
  readonly #onRefused: ((message: string) => void) | undefined
  readonly #exchange: Exchange
  readonly #tokenFile: string | undefined

  constructor(options: ClientOptions) {
    this.#server = options.server
    this.#tokenFile = options.tokenFile
    this.#onRefused = options.onRefused
    this.#exchange = new Exchange(options)
  }

  /** The address of the server. */
  get server(): URL {
    return this.#server
  }

  /** Uses other certificates or another proxy from now on; calls under way fail. */
  use(transport: TransportOptions): void {
    this.#exchange.use(transport)
  }

  /** Makes a call and gives its answer. */
  async call<N extends CallName>(name: N, request: Request<N>): Promise<Result<Answer<N>, ClientFailure>> {
    const limit = callLimit(request.waitSeconds)
    const sent = await this.#exchange.send(specOf(name), request, limit)
    if (!sent.ok) return sent
    const { status, headers, body } = sent.value
    // An error status is an answer where the entry of the call has it, as that of /health does.
    const isAnswer = status in api[name].answers
    const most = isAnswer ? sizes.answer : sizes.problem
    const text = await this.#exchange.readText(body, request.signal, most, limit)
    if (!text.ok) return text
    if (!isAnswer) return fail(this.#failure(status, headers, text.value))
    if (status === 204) return ok(undefined as Answer<N>)
    const type = mediaType(headers)
    if (type === 'text/plain' && !isJudged(`${name} ${status}`)) return ok(text.value as Answer<N>)
    if (type !== 'application/json')
      return fail(notAServer(this.#server, `it answers with ${type || 'no type'}`))
    let json: unknown
    try {
      json = parseJson(text.value)
    } catch {
      return fail(notAServer(this.#server, 'its JSON cannot be parsed'))
    }
    return this.#judge<Answer<N>>(name, String(status), json)
  }

  /** The parts of an answer or an event that fit its schema. */
  #judge<T>(name: CallName, which: string, json: unknown): Result<T, ClientFailure> {
    const judged = judgeAnswer(`${name} ${which}`, json)
    if (!judged.ok) return fail(answerInvalid(this.#server, name, judged.failure))
    const { value, refused } = judged.value
    for (const sentence of refused) this.#onRefused?.(answerInvalid(this.#server, name, sentence).message)
    return ok(value as T)
  }

  /**
   * Follows server-sent events until the server ends them, `signal` aborts, or nothing has come for 45 s. The
   * next event waits for `take`, and `false` from it ends the stream.
   */
  async events<N extends CallName>(
    name: N,
    request: Request<N>,
    take: (event: ServerEvent<N>) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    const parse = await openEventParser(sizes.event)
    let wrong: ClientFailure | undefined
    const followed = await this.#stream(name, request, async piece => {
      const events = parse(piece)
      if (events === undefined) {
        wrong = answerInvalid(this.#server, name, `an event has more than ${sizes.event} bytes`)
        return false
      }
      for (const event of events) {
        const judged = this.#judgeEvent(name, event)
        if (judged === undefined) continue
        if (judged.ok) {
          if ((await take(judged.value)) === false) return false
        } else if (this.#onRefused === undefined) {
          wrong = judged.failure
          return false
        } else this.#onRefused(judged.failure.message)
      }
    })
    return wrong === undefined ? followed : fail(wrong)
  }

  /** An event with its data; undefined for an event of a newer server, which this program does not know. */
  #judgeEvent<N extends CallName>(
    name: N,
    { event, data, id }: RawEvent,
  ): Result<ServerEvent<N>, ClientFailure> | undefined {
    if (!isJudged(`${name} ${event}`)) return undefined
    let json: unknown
    try {
      json = JSON.parse(data)
    } catch {
      return fail(answerInvalid(this.#server, name, `the event ${event} is not JSON`))
    }
    const judged = this.#judge<unknown>(name, event, json)
    if (!judged.ok) return judged
    return ok({ event, data: judged.value, ...defined({ id }) } as ServerEvent<N>)
  }

  async #stream<N extends CallName>(
    name: N,
    request: Request<N>,
    take: (piece: Uint8Array) => unknown,
  ): Promise<Result<void, ClientFailure>> {
    const sent = await this.#exchange.send(specOf(name), request, undefined, eventStream)
    if (!sent.ok) return sent
    const { status, headers, body } = sent.value
    if (status === 200 && mediaType(headers) === eventStream)
      return this.#exchange.readPieces(body, request.signal, take)
    const text = await this.#exchange.readText(body, request.signal, sizes.problem)
    if (!text.ok) return text
    if (status === 200) return fail(notAServer(this.#server, `it answers with ${mediaType(headers)}`))
    return fail(this.#failure(status, headers, text.value))
  }

  #failure(...[status, headers, text]: Answered): ClientFailure {
    return withTokenFile(answerFailure(status, headers, text, this.#server), this.#tokenFile)
  }

  /** Ends calls under way and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#exchange[Symbol.asyncDispose]()
  }
}

const eventStream = 'text/event-stream'
