/*
 * The session with the server: registers when that is necessary, and keeps the settings that the server
 * sends.
 */
import type { Clock } from '../../edges.ts'
import type { AttachedSettings } from '../../protocol/messages/registration.ts'
import { aborted, type Notifier } from '../../system/wait.ts'
import type { ApiFailure } from './failure-meaning.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { NotSigned, Registrar } from './registration.ts'
import type { ServerApi } from './server-api.ts'

export interface SessionOptions {
  api: ServerApi
  registrar: Registrar
  lifecycle: Lifecycle
  changed: Notifier
  clock: Clock
  over: AbortSignal
  /** Called when this runner has been registered again. */
  onRecovered(): void
  /** Called when the server has changed the settings. */
  onSettings(settings: AttachedSettings): void
}

/** Seconds after which it looks again: another registration may have given a token that expires earlier. */
const longestSleep = 3600

export class ServerSession {
  readonly #options: SessionOptions
  #settings: AttachedSettings | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** The latest settings of the server; undefined before the first registration. */
  get settings(): AttachedSettings | undefined {
    return this.#settings
  }

  /** Registers for the first time; false if this process will never be registered. */
  async begin(): Promise<boolean> {
    const signed = await this.#options.registrar.signIn(undefined)
    if (signed.ok) this.#take(signed.value)
    else this.#end(signed.failure)
    return signed.ok
  }

  /**
   * Registers again if a call failed for want of a valid session. True: the call can be repeated. False: the
   * failure has another cause, or this process can no longer get a session.
   */
  async recover({ meaning, session, message }: ApiFailure): Promise<boolean> {
    const { api, registrar, lifecycle, over, onRecovered } = this.#options
    if (meaning === 'superseded' || meaning === 'deleted') {
      this.#end(meaning)
      await aborted(over)
      return false
    }
    if (meaning !== 'sign-in' && meaning !== 'new-key') return false
    if (meaning === 'sign-in' && api.signed?.session === session)
      lifecycle.take({ step: 'token-lost' }, message)
    const signed = await registrar.signIn(session)
    if (!signed.ok) {
      this.#end(signed.failure)
      await aborted(over)
      return false
    }
    this.#take(signed.value)
    onRecovered()
    return true
  }

  /**
   * Registers anew before the token expires: with a new session and data key, while jobs, logs and results go
   * on. Calls take the former token until the answer is there.
   */
  async keepValid(): Promise<void> {
    const { api, registrar, changed, clock, over, onRecovered } = this.#options
    while (!over.aborted) {
      const { session, renewAt } = api.signed ?? {}
      const wait = renewAt === undefined ? Number.POSITIVE_INFINITY : renewAt - clock.monotonic()
      if (wait === Number.POSITIVE_INFINITY) await changed.notified
      else if (wait > 0) await clock.sleep(Math.min(wait, longestSleep), over)
      else {
        const signed = await registrar.signIn(session)
        if (!signed.ok) return this.#end(signed.failure)
        this.#take(signed.value)
        onRecovered()
      }
    }
  }

  /** Takes new settings from the command channel and from heartbeats as they come. */
  async followDirectives(): Promise<void> {
    const { lifecycle, changed, over } = this.#options
    while (!over.aborted) {
      this.#take(lifecycle.directive?.settings)
      await changed.notified
    }
  }

  #take(settings: AttachedSettings | undefined): void {
    if (settings === undefined || settings === this.#settings) return
    this.#settings = settings
    this.#options.onSettings(settings)
    this.#options.changed.notify()
  }

  #end(failure: NotSigned): void {
    const { lifecycle } = this.#options
    if (failure === 'deleted')
      lifecycle.take(
        { step: 'delete' },
        'an operator has deleted this runner (`runner node undelete` allows it again)',
      )
    if (failure === 'superseded')
      lifecycle.take(
        { step: 'supersede' },
        'another process has registered as this runner; if it is on a copy of this machine, ' +
          'give the copy an identity of its own by `runner attach --new-identity`',
      )
  }
}
