/*
 * The calls of a runner to its server. Each call carries the token and the number of the session, and each
 * failure carries what follows from it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../edges.ts'
import { judgePayload } from '../../protocol/client/answers.ts'
import { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { Answer, Request, ServerEvent } from '../../protocol/client/client-types.ts'
import type { ClockSample } from '../../protocol/client/clock-sample.ts'
import type { TransportOptions } from '../../protocol/client/transport.ts'
import type { Heartbeat } from '../../protocol/messages/heartbeats.ts'
import type { AttachedSettings, Credentials, Registration } from '../../protocol/messages/registration.ts'
import type { Reservation } from '../../protocol/messages/reservations.ts'
import type { ResultMessage } from '../../protocol/messages/results.ts'
import { unsealWith } from '../../protocol/seal.ts'
import { fail, ok, type Result } from '../../result.ts'
import { type ApiFailure, meanings } from './failure-meaning.ts'
import { orWithoutRefused } from './without-refused.ts'

/** A session of this runner with its server. */
export interface Signed {
  runner_id: string
  session: number
  token: string
  data_key: Buffer
  /** The time by which it is to be renewed, on the monotonic clock; undefined: its token does not expire. */
  renewAt: number | undefined
  /** The fields of results that the server takes beyond release 0.1.0, and perhaps others. */
  features: readonly string[]
}

/**
 * The part of the life of a token after which it is renewed. The rest of its life is for times in which the
 * server is away.
 */
const renewAfter = 2 / 3

/** A registration that the server has taken. */
export interface RegistrationAnswer {
  signed: Signed
  settings: AttachedSettings
  /** The fields of the registration whose former values stay. */
  refused: string[]
}

export interface ApiOptions {
  server: URL
  transport: TransportOptions
  /** Reads the certificates and keys from their files again. */
  readTransport(): Result<TransportOptions, string>
  clock: Clock
  env: NodeJS.ProcessEnv
  onClock(sample: ClockSample): void
  clockReport(): ClockSample | undefined
  /** Called with the reason why a part of an answer is ignored. */
  onRefused(message: string): void
  /** Called when the server answers again after calls that did not reach it. */
  onBack(): void
}

type Sessional = 'commands' | 'reserve' | 'confirm' | 'heartbeat' | 'appendLog' | 'result' | 'leave'

export class ServerApi implements AsyncDisposable {
  readonly server: URL
  readonly #client: Client
  readonly #registrar: Client
  #signed: Signed | undefined
  #registrationToken: string | undefined
  #away = false
  #transport: TransportOptions
  readonly #readTransport: () => Result<TransportOptions, string>
  readonly #onBack: () => void
  readonly #clock: Clock

  constructor({ server, transport, readTransport, clock, env, onBack, ...hearing }: ApiOptions) {
    this.server = server
    this.#transport = transport
    this.#readTransport = readTransport
    this.#onBack = onBack
    this.#clock = clock
    const common = { ...transport, server, clock, env, ...hearing }
    this.#client = new Client({ ...common, token: () => this.#signed?.token })
    this.#registrar = new Client({ ...common, token: () => this.#registrationToken })
  }

  /** The session in force; undefined before the first registration. */
  get signed(): Signed | undefined {
    return this.#signed
  }

  /** Registers with a token; later calls use the new session. */
  async register(
    message: Registration,
    token: string,
    privateKey: string,
    signal: AbortSignal,
  ): Promise<Result<RegistrationAnswer, ApiFailure>> {
    this.#registrationToken = token
    const register = (body: Registration) => this.#registrar.call('register', { body, signal })
    const answer = await orWithoutRefused(message, async body => {
      const answer = await register(body)
      return !answer.ok && this.#renewTransport(answer.failure) ? register(body) : answer
    })
    if (!answer.ok) return fail(this.#classify(answer.failure, undefined))
    const { runner_id, session, credentials, settings, refused = [], credentials_seconds } = answer.value
    const { features = [] } = answer.value
    const unusable = (what: string) =>
      fail({
        reason: 'answer-invalid' as const,
        message: `the server's answer to the registration ${what}`,
        meaning: 'again' as const,
        session: undefined,
      })
    if (runner_id !== message.uuid) return unusable('is for another runner')
    const opened = unsealWith(privateKey, credentials)
    if (!opened.ok) return unusable('has credentials that cannot be opened with the key of this runner')
    const read = judgePayload<Credentials>('credentials', opened.value)
    if (!read.ok) return unusable(`has unusable credentials: ${read.failure}`)
    const { token: own, data_key } = read.value
    const renewAt =
      credentials_seconds === undefined
        ? undefined
        : this.#clock.monotonic() + Math.max(1, credentials_seconds * renewAfter)
    this.#signed = {
      runner_id,
      session,
      token: own,
      data_key: Buffer.from(data_key, 'base64'),
      renewAt,
      features,
    }
    return ok({ signed: this.#signed, settings, refused })
  }

  commands(
    signal: AbortSignal,
    take: (event: ServerEvent<'commands'>) => unknown,
  ): Promise<Result<void, ApiFailure>> {
    return this.#ofSession(({ runner_id, session }) =>
      this.#client.events('commands', { params: { id: runner_id }, session, signal }, take),
    )
  }

  /** Waits for work; an empty list means that none came in time. */
  async reserve(
    slots: number,
    wait_seconds: number,
    signal: AbortSignal,
  ): Promise<Result<Reservation[], ApiFailure>> {
    const answer = await this.#call('reserve', id => ({
      params: { id },
      body: { slots, wait_seconds },
      signal,
      waitSeconds: wait_seconds,
    }))
    return answer.ok ? ok(answer.value?.executions ?? []) : answer
  }

  confirm(id: string, lease_id: string, signal: AbortSignal): Promise<Result<unknown, ApiFailure>> {
    return this.#call('confirm', () => ({ params: { id }, body: { lease_id }, signal }))
  }

  heartbeat(body: Heartbeat, signal: AbortSignal): Promise<Result<Answer<'heartbeat'>, ApiFailure>> {
    return orWithoutRefused(body, rest =>
      this.#call('heartbeat', id => ({ params: { id }, body: rest, signal })),
    )
  }

  /** Resolves to the length of the server's log. */
  async appendLog(
    id: string,
    lease: string,
    offset: number,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<Result<number, ApiFailure>> {
    const answer = await this.#call('appendLog', () => ({
      params: { id },
      query: { offset, lease },
      body,
      signal,
    }))
    return answer.ok ? ok(answer.value.length) : answer
  }

  result(id: string, body: ResultMessage, signal: AbortSignal): Promise<Result<unknown, ApiFailure>> {
    return orWithoutRefused(body, rest =>
      this.#call('result', () => ({ params: { id }, body: rest, signal })),
    )
  }

  leave(
    reason: 'stopped' | 'detached' | 'restart',
    back_within_seconds: number,
    signal: AbortSignal,
  ): Promise<Result<unknown, ApiFailure>> {
    return this.#call('leave', id => ({ params: { id }, body: { reason, back_within_seconds }, signal }))
  }

  #call<N extends Sessional>(
    name: N,
    request: (runnerId: string) => Omit<Request<N>, 'session'>,
  ): Promise<Result<Answer<N>, ApiFailure>> {
    return this.#ofSession(({ runner_id, session }) =>
      this.#client.call(name, { ...request(runner_id), session } as Request<N>),
    )
  }

  async #ofSession<T>(
    make: (signed: Signed) => Promise<Result<T, ClientFailure>>,
  ): Promise<Result<T, ApiFailure>> {
    const signed = this.#signed
    if (signed === undefined)
      return fail({
        reason: 'bad-token',
        message: 'the runner is not registered',
        meaning: 'sign-in',
        session: undefined,
      })
    const answer = await make(signed)
    const reached = answer.ok || answer.failure.status !== undefined
    if (reached && this.#away) this.#onBack()
    if (reached || answer.failure.reason !== 'stopped') this.#away = !reached
    if (!answer.ok) this.#renewTransport(answer.failure)
    return answer.ok ? answer : fail(this.#classify(answer.failure, signed.session))
  }

  /** After a failure that certificates may have caused: reads the files again; true if they have changed. */
  #renewTransport({ reason }: ClientFailure): boolean {
    if (reason !== 'tls-failed' && reason !== 'connection-lost') return false
    const found = this.#readTransport()
    if (!found.ok || isDeepStrictEqual(found.value, this.#transport)) return false
    this.#transport = found.value
    for (const client of [this.#client, this.#registrar]) client.use(found.value)
    return true
  }

  #classify(failure: ClientFailure, session: number | undefined): ApiFailure {
    const meaning = meanings[failure.reason]
    // The call belongs to an earlier session of this same process, so its failure says nothing of the present
    // one.
    const outdated = session !== undefined && session !== this.#signed?.session
    const passes = outdated && (meaning === 'superseded' || meaning === 'sign-in')
    return { ...failure, meaning: passes ? 'again' : meaning, session }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#client[Symbol.asyncDispose](), this.#registrar[Symbol.asyncDispose]()])
  }
}
