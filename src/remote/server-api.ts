/*
 * The calls of a runner to its server: with the token and number of its session, and each failure with what follows
 * from it.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../edges.ts'
import { judgePayload } from '../protocol/answers.ts'
import { type Answer, Client, type Request, type ServerEvent } from '../protocol/client.ts'
import type { ClientFailure } from '../protocol/client-failure.ts'
import type { ClockSample } from '../protocol/clock-sample.ts'
import type {
  Credentials,
  Heartbeat,
  Registration,
  Reservation,
  ResultMessage,
  Settings,
} from '../protocol/messages.ts'
import { unsealWith } from '../protocol/seal.ts'
import type { TransportOptions } from '../protocol/transport.ts'
import { fail, ok, type Result } from '../result.ts'

/** What follows from a failed call. */
export type Meaning =
  /** It is worth trying again, with the same words. */
  | 'again'
  /** The token is none any more: register anew. */
  | 'sign-in'
  /** The data key is another one by now: register anew, and seal again. */
  | 'new-key'
  /** Another process has this runner's session. */
  | 'superseded'
  /** An operator has deleted this runner. */
  | 'deleted'
  /** The execution is not this runner's any more. */
  | 'not-held'
  /** The server has its end already. */
  | 'ended'
  /** The server has never heard of the execution; it may have been restored from a backup. */
  | 'unknown'
  /** The log goes on elsewhere. */
  | 'offset'
  /** The same words will be refused for ever. */
  | 'refused'
  /** It was ended from here. */
  | 'stopped'

/** All reasons, and what follows from each. What may be over by the next try is tried again, for ever. */
const meanings: Record<ClientFailure['reason'], Meaning> = {
  // The network, or what is between: all of it passes, some of it when somebody has mended it.
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
  // The server, for a while.
  'request-timeout': 'again',
  'too-many-requests': 'again',
  internal: 'again',
  unavailable: 'again',
  // A server that is newer, and says what this one does not know.
  'unknown-problem': 'again',
  // Who calls. Never an end: a token may be made again, and a clock may be wrong at boot.
  'bad-token': 'sign-in',
  'wrong-token-kind': 'sign-in',
  'identity-taken': 'again',
  'unknown-key': 'new-key',
  // Final for this process.
  'session-superseded': 'superseded',
  deleted: 'deleted',
  // About one execution.
  'reservation-expired': 'not-held',
  'not-yours': 'not-held',
  superseded: 'not-held',
  'already-finished': 'ended',
  'not-found': 'unknown',
  'wrong-offset': 'offset',
  // Words that are wrong stay wrong.
  malformed: 'refused',
  'method-not-allowed': 'refused',
  'too-large': 'refused',
  'headers-too-large': 'refused',
  'unsupported-media-type': 'refused',
  // Not said to runners.
  'already-running': 'refused',
  'not-finished': 'refused',
  'runner-busy': 'refused',
  'runner-unavailable': 'refused',
  'backup-invalid': 'refused',
  'key-reused': 'refused',
  stopped: 'stopped',
}

export interface ApiFailure extends ClientFailure {
  meaning: Meaning
  /** Of the session that made the call. */
  session: number | undefined
}

/** A session of this runner with its server. */
export interface Signed {
  runner_id: string
  session: number
  token: string
  data_key: Buffer
}

export interface ApiOptions {
  server: URL
  transport: TransportOptions
  /** Reads the files of it again. */
  readTransport(): Result<TransportOptions, string>
  clock: Clock
  env: NodeJS.ProcessEnv
  onClock(sample: ClockSample): void
  clockReport(): ClockSample | undefined
  /** Hears what of an answer is not taken. */
  onRefused(message: string): void
  /** Hears when the server answers again, after calls that did not get through. */
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

  constructor({ server, transport, readTransport, clock, env, onBack, ...hearing }: ApiOptions) {
    this.server = server
    this.#transport = transport
    this.#readTransport = readTransport
    this.#onBack = onBack
    const common = { ...transport, server, clock, env, ...hearing }
    this.#client = new Client({ ...common, token: () => this.#signed?.token })
    this.#registrar = new Client({ ...common, token: () => this.#registrationToken })
  }

  /** The session in force; undefined before the first registration. */
  get signed(): Signed | undefined {
    return this.#signed
  }

  /** Registers with a token; from then on calls are of the new session. */
  async register(
    message: Registration,
    token: string,
    privateKey: string,
    signal: AbortSignal,
  ): Promise<Result<{ signed: Signed; settings: Settings }, ApiFailure>> {
    this.#registrationToken = token
    const register = () => this.#registrar.call('register', { body: message, signal })
    let answer = await register()
    if (!answer.ok && this.#renewTransport(answer.failure)) answer = await register()
    if (!answer.ok) return fail(this.#classify(answer.failure, undefined))
    const { runner_id, session, credentials, settings } = answer.value
    const unusable = (what: string) =>
      fail({
        ...{ reason: 'answer-invalid' as const, message: `the registration that the server gave ${what}` },
        ...{ meaning: 'again' as const, session: undefined },
      })
    if (runner_id !== message.uuid) return unusable('is that of another runner')
    const opened = unsealWith(privateKey, credentials)
    if (!opened.ok) return unusable('has credentials that cannot be opened with the key of this runner')
    const read = judgePayload<Credentials>('credentials', opened.value)
    if (!read.ok) return unusable(`has unusable credentials: ${read.failure}`)
    const { token: own, data_key } = read.value
    this.#signed = { runner_id, session, token: own, data_key: Buffer.from(data_key, 'base64') }
    return ok({ signed: this.#signed, settings })
  }

  commands(
    signal: AbortSignal,
    take: (event: ServerEvent<'commands'>) => unknown,
  ): Promise<Result<void, ApiFailure>> {
    return this.#ofSession(({ runner_id, session }) =>
      this.#client.events('commands', { params: { id: runner_id }, session, signal }, take),
    )
  }

  /** Waits for work; nothing came where the list is empty. */
  async reserve(
    slots: number,
    wait_seconds: number,
    signal: AbortSignal,
  ): Promise<Result<Reservation[], ApiFailure>> {
    const answer = await this.#call('reserve', id => ({
      ...{ params: { id }, body: { slots, wait_seconds }, signal, waitSeconds: wait_seconds },
    }))
    return answer.ok ? ok(answer.value?.executions ?? []) : answer
  }

  confirm(id: string, lease_id: string, signal: AbortSignal): Promise<Result<unknown, ApiFailure>> {
    return this.#call('confirm', () => ({ params: { id }, body: { lease_id }, signal }))
  }

  heartbeat(body: Heartbeat, signal: AbortSignal): Promise<Result<Answer<'heartbeat'>, ApiFailure>> {
    return this.#call('heartbeat', id => ({ params: { id }, body, signal }))
  }

  /** Resolves to the length of the log at the server. */
  async appendLog(
    id: string,
    lease: string,
    offset: number,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<Result<number, ApiFailure>> {
    const answer = await this.#call('appendLog', () => ({
      ...{ params: { id }, query: { offset, lease }, body, signal },
    }))
    return answer.ok ? ok(answer.value.length) : answer
  }

  result(id: string, body: ResultMessage, signal: AbortSignal): Promise<Result<unknown, ApiFailure>> {
    return this.#call('result', () => ({ params: { id }, body, signal }))
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
        ...{ reason: 'bad-token', message: 'the runner is not registered', meaning: 'sign-in' },
        session: undefined,
      })
    const answer = await make(signed)
    const reached = answer.ok || answer.failure.status !== undefined
    if (reached && this.#away) this.#onBack()
    if (reached || answer.failure.reason !== 'stopped') this.#away = !reached
    if (!answer.ok) this.#renewTransport(answer.failure)
    return answer.ok ? answer : fail(this.#classify(answer.failure, signed.session))
  }

  /** Where a call may have failed for its certificates: takes those that have been put in their place. */
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
    // A call of the session before the one that this very process has by now.
    const outdated = session !== undefined && session !== this.#signed?.session
    const passes = outdated && (meaning === 'superseded' || meaning === 'sign-in')
    return { ...failure, meaning: passes ? 'again' : meaning, session }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#client[Symbol.asyncDispose](), this.#registrar[Symbol.asyncDispose]()])
  }
}
