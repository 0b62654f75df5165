/* The person who is signed in, the sign-in and the sign-out. */
import { type Signal, signal } from '@preact/signals'
import type { BrowserSession, BrowserSessionEnd, SignInWays } from '../protocol/messages/browser.ts'
import type { BrowserKey } from './browser-key.ts'
import { CallError, type Server } from './server.ts'

export type Session =
  | { state: 'unknown' }
  | { state: 'out'; why: string | undefined }
  | ({ state: 'in' } & BrowserSession)

const path = '/v1/browser-session'

/** The browser session of this tab. */
export class SignIn {
  readonly session: Signal<Session> = signal<Session>({ state: 'unknown' })
  readonly #server: Server
  readonly #key: BrowserKey

  constructor(server: Server, key: BrowserKey) {
    this.#server = server
    this.#key = key
    server.onSignedOut = why => {
      if (this.session.value.state === 'in') this.session.value = { state: 'out', why }
    }
    key.onOther = isSignedIn => {
      if (isSignedIn) void this.look()
      else this.session.value = { state: 'out', why: 'You have signed out in another tab.' }
    }
  }

  /** Takes the code of a printed link, or the session that the browser has already. */
  async begin(): Promise<void> {
    const code = /^#code=(.+)$/.exec(location.hash)?.[1]
    if (code !== undefined) {
      // A code is good once: it must not stay in the address or in the history.
      history.replaceState(null, '', location.pathname + location.search)
      return this.enter({ code: decodeURIComponent(code) })
    }
    await this.#key.find()
    return this.look()
  }

  /** Asks the server who is signed in now. */
  async look(): Promise<void> {
    try {
      this.#take(await this.#server.get<BrowserSession>(path))
    } catch (error) {
      // A session that was open and is over is told of by the call itself; any other failure ends none.
      if (this.session.value.state === 'unknown') this.#out(error, true)
    }
  }

  /**
   * The identity provider by which people sign in; undefined: there is none, or the server does not answer.
   */
  async provider(): Promise<string | undefined> {
    try {
      return (await this.#server.get<SignInWays>('/v1/sign-in')).oidc ?? undefined
    } catch {
      return undefined
    }
  }

  /** Exchanges a token, or the code of a printed link, for a browser session. */
  async enter(body: { token: string } | { code: string }): Promise<void> {
    try {
      const facts = await this.#server.json<BrowserSession>('POST', path, { body })
      this.#take(facts)
      this.#key.set(facts.key ?? undefined)
    } catch (error) {
      this.#out(error, false)
    }
  }

  async signOut(): Promise<void> {
    const { end_session_url } = await this.#server.json<BrowserSessionEnd>('DELETE', path)
    this.#key.set(undefined)
    // A person who signs out leaves nothing: no unsaved text either.
    sessionStorage.clear()
    this.session.value = { state: 'out', why: undefined }
    // The provider must end its session, too: else the next person at this browser would be signed in as this
    // one.
    if (end_session_url !== null) location.assign(end_session_url)
  }

  #take(facts: BrowserSession): void {
    if (facts.key !== null) this.#key.keep(facts.key)
    this.session.value = { state: 'in', ...facts }
  }

  /** `first`: nobody has tried to sign in yet, so there is nothing to complain of. */
  #out(error: unknown, first: boolean): void {
    if (!(error instanceof CallError)) throw error
    const isPlain = first && (error.status === 401 || error.status === 403)
    this.session.value = { state: 'out', why: isPlain ? undefined : error.message }
  }
}

/**
 * Whether a role sees jobs, schedules and runners; a submitter sees only the executions that it has asked
 * for.
 */
export const mayRead = ({ role }: BrowserSession): boolean => role !== 'submitter'

/** Whether a role may change executions, jobs and schedules. */
export const mayOperate = ({ role }: BrowserSession): boolean => role === 'admin' || role === 'operator'
