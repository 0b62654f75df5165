/*
 * Registration: repeated until it succeeds, for whatever reason it fails. An operator may mend any of them while this
 * waits, and none is worth the end of a runner that has results to deliver.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Edges } from '../edges.ts'
import type { Registration, Settings } from '../protocol/messages.ts'
import { persist } from '../protocol/retry.ts'
import { fail, ok, type Result } from '../result.ts'
import { waitAfter } from './backoff.ts'
import { writeDurably } from './durable.ts'
import type { EmitAttach } from './events.ts'
import type { ApiFailure, ServerApi, Signed } from './server-api.ts'

export interface RegistrarOptions {
  api: ServerApi
  message: Registration
  privateKey: string
  stateDir: string
  /** Read before each try: an operator may have put another one there. */
  registrationToken(): Result<string, string>
  edges: Edges
  emit: EmitAttach
  /** Ends the waiting. */
  over: AbortSignal
}

/** What keeps a runner from being registered for good. */
export type NotSigned = 'deleted' | 'superseded' | 'over'

/** How to get a token that registers. */
export const tokenAdvice =
  'an administrator makes one by `runner token create registration NAME --out FILE`; name its file as token_file in [remote], or by --token-file'

/** Why a registration failed, and how to mend it where the server does not say. */
export const refusalText = ({ reason, message }: Pick<ApiFailure, 'reason' | 'message'>) =>
  reason === 'wrong-token-kind' ? `${message}; ${tokenAdvice}` : message

/** Seconds after which the same problem is told again. */
const remindEvery = 60
/** Problems that are told within that time. */
const mostReminded = 100

/** Tells a problem when it is new, and then once a minute. */
export class Reminder {
  readonly #edges: Edges
  /** When each was told last, as far as that matters: two of them may take turns. */
  readonly #told = new Map<string, number>()

  constructor(edges: Edges) {
    this.#edges = edges
  }

  /** Whether it is to be told now. */
  isDue(problem: string): boolean {
    const now = this.#edges.clock.monotonic()
    for (const [told, at] of this.#told) if (now >= at + remindEvery) this.#told.delete(told)
    // A server that names a new problem each time is told of only so often.
    if (this.#told.has(problem) || this.#told.size >= mostReminded) return false
    this.#told.set(problem, now)
    return true
  }

  /** It is over; the next one is new. */
  clear(): void {
    this.#told.clear()
  }
}

export class Registrar {
  readonly #options: RegistrarOptions
  readonly #reminder: Reminder
  #signing: Promise<Result<Settings, NotSigned>> | undefined
  /** Of a session before, of this process or another one; it registers too. */
  #own: string | undefined
  #signedBefore = false
  /** When it last registered, and how often in a row without a minute between. */
  #lastAt: number | undefined
  #inARow = 0

  constructor(options: RegistrarOptions) {
    this.#options = options
    this.#reminder = new Reminder(options.edges)
    this.#own = readOwnToken(options.stateDir, options.api.server)
  }

  /** Registers, unless the session has changed since `session` was in force; one registration at a time. */
  async signIn(session: number | undefined): Promise<Result<Settings | undefined, NotSigned>> {
    const { api } = this.#options
    if (this.#signing === undefined && api.signed?.session !== session) return ok(undefined)
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined
    })
    return this.#signing
  }

  async #sign(): Promise<Result<Settings, NotSigned>> {
    const { api, edges, over, emit, message } = this.#options
    await this.#slowDown()
    const done = await persist(() => this.#try(), {
      retries: Number.POSITIVE_INFINITY,
      clock: edges.clock,
      signal: over,
      mayPass: failure => !isFinal(failure as ApiFailure) && failure.reason !== 'stopped',
      onRetry: failure => this.#tell(failure.reason, refusalText(failure)),
    })
    if (!done.ok) {
      const { meaning } = done.failure as ApiFailure
      return fail(meaning === 'deleted' || meaning === 'superseded' ? meaning : 'over')
    }
    this.#reminder.clear()
    this.#signedBefore = true
    const { signed, settings } = done.value
    this.#own = signed.token
    this.#keepOwnToken(signed.token)
    const { runner_id, session } = signed
    emit({ event: 'runner:registered', runner_id, session, server: api.server.href, name: message.name })
    return ok(settings)
  }

  /** A token that is refused as soon as it was given must not lead to thousands of registrations. */
  async #slowDown(): Promise<void> {
    const { clock, chance } = this.#options.edges
    const now = clock.monotonic()
    this.#inARow = this.#lastAt !== undefined && now < this.#lastAt + remindEvery ? this.#inARow + 1 : 0
    this.#lastAt = now
    if (this.#inARow > 0) await clock.sleep(waitAfter(this.#inARow, chance.random()), this.#options.over)
  }

  /** One try: with the runner's own token where it has one, else with the one that it was given. */
  async #try(): Promise<Result<{ signed: Signed; settings: Settings }, ApiFailure>> {
    const { api, message, privateKey, over, registrationToken } = this.#options
    if (this.#own !== undefined) {
      const done = await api.register(message, this.#own, privateKey, over)
      if (done.ok || !['sign-in', 'superseded', 'refused', 'not-held'].includes(done.failure.meaning))
        return done
      // A process that had a session does not take it back from a newer one; a new process does.
      if (done.failure.meaning === 'superseded' && this.#signedBefore) return done
      this.#own = undefined
    }
    const token = registrationToken()
    if (!token.ok) {
      const failure = { reason: 'bad-token', message: token.failure, meaning: 'sign-in' } as const
      return fail({ ...failure, session: undefined })
    }
    return api.register(message, token.value, privateKey, over)
  }

  #tell(reason: string, message: string): void {
    if (this.#reminder.isDue(`${reason} ${message}`))
      this.#options.emit({ event: 'registration:failed', reason, message })
  }

  #keepOwnToken(token: string): void {
    const { stateDir, api, emit } = this.#options
    try {
      writeDurably(join(stateDir, 'session.json'), `${JSON.stringify({ server: api.server.href, token })}\n`)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      emit({ event: 'notice', message: `the token of this session is not kept for the next start: ${why}` })
    }
  }
}

const isFinal = ({ meaning }: ApiFailure) => meaning === 'deleted' || meaning === 'superseded'

/** The token of the last session with this server. */
export function readOwnToken(stateDir: string, server: URL): string | undefined {
  try {
    const kept = JSON.parse(readFileSync(join(stateDir, 'session.json'), 'utf8')) as {
      server: string
      token: string
    }
    return kept.server === server.href ? kept.token : undefined
  } catch {
    return undefined
  }
}
