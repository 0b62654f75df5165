/*
 * Registration, repeated until it succeeds. No failure but deletion and supersession ends it: an operator may
 * fix the cause meanwhile, and the runner may have results to deliver.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Edges } from '../../edges.ts'
import { withTokenFile } from '../../protocol/client/client-failure.ts'
import { persist } from '../../protocol/client/retry.ts'
import type { AttachedSettings, Registration } from '../../protocol/messages/registration.ts'
import { fail, ok, type Result } from '../../result.ts'
import { waitAfter } from '../../system/backoff.ts'
import { writeDurably } from '../../system/durable-file.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import type { EmitAttach } from '../events.ts'
import { Reminder } from '../reminder.ts'
import type { ApiFailure } from './failure-meaning.ts'
import type { RegistrationAnswer, ServerApi } from './server-api.ts'

export interface RegistrarOptions {
  api: Pick<ServerApi, 'register' | 'server' | 'signed'>
  message: Registration
  privateKey: string
  stateDir: string
  /** Read before each try, since an operator may have replaced the token. */
  registrationToken(): Result<string, string>
  /** The file that it is read from; absent: it comes from the environment. */
  tokenFile?: string | undefined
  edges: Edges
  emit: EmitAttach
  /** Ends the tries. */
  over: AbortSignal
}

/** Registrations that follow each other within so many seconds count as a row. */
const rowWithin = 60

/** Why this process will never be registered. */
export type NotSigned = 'deleted' | 'superseded' | 'over'

/** The way to get a registration token. */
export const tokenAdvice =
  'an administrator makes one by `runner token create registration NAME --out FILE`; ' +
  'name its file as token_file in [remote], or by --token-file'

/** Why a registration failed, with advice on how to get the right token if the kind of token is wrong. */
export const refusalText = ({ reason, message }: Pick<ApiFailure, 'reason' | 'message'>) =>
  reason === 'wrong-token-kind' ? `${message}; ${tokenAdvice}` : message

export class Registrar {
  readonly #options: RegistrarOptions
  readonly #reminder: Reminder
  #signing: Promise<Result<AttachedSettings, NotSigned>> | undefined
  /** The token of an earlier session, of this process or of an earlier one; it can register too. */
  #own: string | undefined
  #signedBefore = false
  /** When this runner last registered, and how often in a row. */
  #lastAt: number | undefined
  #inARow = 0

  constructor(options: RegistrarOptions) {
    this.#options = options
    this.#reminder = new Reminder(options.edges)
    this.#own = readOwnToken(options.stateDir, options.api.server)
  }

  /**
   * Registers, unless `session` has been replaced by a newer session meanwhile. Calls share one registration.
   */
  async signIn(session: number | undefined): Promise<Result<AttachedSettings | undefined, NotSigned>> {
    const { api } = this.#options
    if (this.#signing === undefined && api.signed?.session !== session) return ok(undefined)
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined
    })
    return this.#signing
  }

  async #sign(): Promise<Result<AttachedSettings, NotSigned>> {
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
    const { signed, settings, refused } = done.value
    this.#own = signed.token
    this.#keepOwnToken(signed.token)
    const { runner_id, session } = signed
    emit({ event: 'runner:registered', runner_id, session, server: api.server.href, name: message.name })
    if (refused.length > 0)
      emit({ event: 'registration:refused', fields: refused, message: refusedText(message, refused) })
    return ok(settings)
  }

  /**
   * Waits longer after each registration of a row: a server that refuses each new token would get thousands
   * of them. A renewal that is due counts for none.
   */
  async #slowDown(): Promise<void> {
    const { api, edges, over } = this.#options
    const { clock, chance } = edges
    const now = clock.monotonic()
    if (now >= (api.signed?.renewAt ?? Number.POSITIVE_INFINITY)) return
    this.#inARow = this.#lastAt !== undefined && now < this.#lastAt + rowWithin ? this.#inARow + 1 : 0
    this.#lastAt = now
    if (this.#inARow > 0) await clock.sleep(waitAfter(this.#inARow, chance.random()), over)
  }

  /**
   * One try: with the runner's own token if it has one, else with the registration token; with this one also
   * where the own token leaves something as it was.
   */
  async #try(): Promise<Result<RegistrationAnswer, ApiFailure>> {
    const { api, message, privateKey, over, registrationToken, tokenFile } = this.#options
    if (this.#own !== undefined) {
      const done = await api.register(message, this.#own, privateKey, over)
      const given = done.ok && done.value.refused.length > 0 ? registrationToken() : undefined
      if (given?.ok) {
        const again = await api.register(message, given.value, privateKey, over)
        return again.ok ? again : done
      }
      if (done.ok || !['sign-in', 'superseded', 'refused', 'not-held'].includes(done.failure.meaning))
        return done
      // A process that had a session does not take it back from a newer process; a process that has just
      // started does.
      if (done.failure.meaning === 'superseded' && this.#signedBefore) return done
      this.#own = undefined
    }
    const token = registrationToken()
    if (!token.ok) {
      const failure = { reason: 'bad-token', message: token.failure, meaning: 'sign-in' } as const
      return fail({ ...failure, session: undefined })
    }
    const done = await api.register(message, token.value, privateKey, over)
    return done.ok ? done : fail(withTokenFile(done.failure, tokenFile))
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
      emit({
        event: 'notice',
        message:
          'the token of this session cannot be kept, ' +
          `so the next start needs a registration token: ${why}`,
      })
    }
  }
}

/** Which of its settings the server does not take, and how they can be allowed. */
function refusedText(message: Registration, refused: readonly string[]): string {
  const { uuid, name, runner_group, capabilities } = message
  const allowed = capabilities.map(capability => ` --capability ${capability}`).join('')
  const set = [
    refused.includes('runner_group') ? ` --group ${runner_group}` : '',
    refused.includes('capabilities') ? ` --capabilities ${shellQuote(capabilities.join(','))}` : '',
  ].join('')
  const which = refused.includes('name') ? uuid : shellQuote(name)
  const orSet = set === '' ? '' : `; or sets it by \`runner node set ${which}${set}\``
  return (
    `the server keeps the former ${refused.join(', ')} of this runner: ` +
    'an administrator allows what is in [remote] by ' +
    `\`runner token create registration ${shellQuote(name)} --names ${shellQuote(name)} ` +
    `--group ${runner_group}${allowed} --uses 1 --expires-in 1h --out FILE\`; ` +
    `name FILE as token_file in [remote], and restart${orSet}`
  )
}

const isFinal = ({ meaning }: ApiFailure) => meaning === 'deleted' || meaning === 'superseded'

/** The token of the last session with this server; undefined if there is none. */
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
