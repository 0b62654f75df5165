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
import { serverFeatures } from '../../protocol/messages/runner-features.ts'
import { unsealWith } from '../../protocol/seal.ts'
import { fail, ok, type Result } from '../../result.ts'

/** What follows from a failed call. */
export type Meaning =
  /** The same call may succeed later. */
  | 'again'
  /** The token is no longer valid: register again. */
  | 'sign-in'
  /** The server has another data key now: register again, and seal the message again. */
  | 'new-key'
  /** Another process has this runner's session. */
  | 'superseded'
  /** An operator has deleted this runner. */
  | 'deleted'
  /** The execution no longer belongs to this runner. */
  | 'not-held'
  /** The server already has a result of the execution. */
  | 'ended'
  /** The server does not know the execution; it may have been restored from an older backup. */
  | 'unknown'
  /** The server's log of the job has another length: send from there. */
  | 'offset'
  /** The server will refuse the same message every time. */
  | 'refused'
  /** This process has cancelled the call. */
  | 'stopped'

/** What follows from each reason. A call whose failure may pass is repeated without an end. */
const meanings: Record<ClientFailure['reason'], Meaning> = {
  // The network, or a proxy: these failures pass, some of them only when somebody has fixed the cause.
  'server-refused': 'again',
  'name-unknown': 'again',
  unreachable: 'again',
  'tls-failed': 'again',
  'proxy-failed': 'again',
  'timed-out': 'again',
  'connection-lost': 'again',
  'gateway-failed': 'again',
  'not-a-server': 'again',
  'answer-invalid': 'again',
  // Passing states of the server.
  'request-timeout': 'again',
  'too-many-requests': 'again',
  'quota-used-up': 'again',
  internal: 'again',
  unavailable: 'again',
  // A newer server may send a problem that this release does not know.
  'unknown-problem': 'again',
  // The token of the caller. Not final: a token can be replaced, and the clock may be wrong right after boot.
  'bad-token': 'sign-in',
  'wrong-token-kind': 'sign-in',
  'identity-taken': 'again',
  'name-taken': 'again',
  'out-of-scope': 'again',
  'unknown-key': 'new-key',
  // Final for this process.
  'session-superseded': 'superseded',
  deleted: 'deleted',
  // Failures of one execution.
  'reservation-expired': 'not-held',
  'not-yours': 'not-held',
  superseded: 'not-held',
  'already-finished': 'ended',
  'not-found': 'unknown',
  'wrong-offset': 'offset',
  // A message that is wrong stays wrong.
  malformed: 'refused',
  'method-not-allowed': 'refused',
  'too-large': 'refused',
  'headers-too-large': 'refused',
  'unsupported-media-type': 'refused',
  // Servers do not send these to runners.
  'already-running': 'refused',
  'queue-full': 'refused',
  'not-finished': 'refused',
  'runner-busy': 'refused',
  'runner-unavailable': 'refused',
  'cross-site': 'refused',
  'wrong-page-key': 'refused',
  'no-role': 'refused',
  'wrong-namespace': 'refused',
  'image-not-allowed': 'refused',
  'backup-invalid': 'refused',
  'key-reused': 'refused',
  stopped: 'stopped',
}

export interface ApiFailure extends ClientFailure {
  meaning: Meaning
  /** The number of the session that made the call. */
  session: number | undefined
}

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

/** The part of the life of a token after which it is renewed: what is left is for a server that is away. */
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

/** The fields of messages that release 0.1.0 does not know. */
const newFields = [
  'host',
  'features',
  'unable_because',
  'image_digests',
  'image_digest',
  ...serverFeatures,
] as const

/** A message without the new fields that a server refuses; undefined where it refuses none that is there. */
function withoutRefused<B extends { [field in (typeof newFields)[number]]?: unknown }>(
  body: B,
  { reason, message }: ClientFailure,
): B | undefined {
  const refused = newFields.filter(
    field => reason === 'malformed' && field in body && new RegExp(`\\b${field}\\b`).test(message),
  )
  if (refused.length === 0) return undefined
  const rest = { ...body }
  for (const field of refused) delete rest[field]
  return rest
}

/**
 * Makes a call, and again without the new fields that the server refuses: an older one may name one after the
 * other.
 */
async function orWithoutRefused<B extends object, T, F extends ClientFailure>(
  message: B,
  call: (body: B) => Promise<Result<T, F>>,
): Promise<Result<T, F>> {
  let answer = await call(message)
  for (let body: B | undefined = message; !answer.ok; ) {
    body = withoutRefused(body, answer.failure)
    if (body === undefined) break
    answer = await call(body)
  }
  return answer
}

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
