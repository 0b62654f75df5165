import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../../edges.ts'
import type { CallSpec } from '../../protocol/call.ts'
import { fail, ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import { isToken } from '../../system/token-file.ts'
import { type BrowserSessions, type FoundSession, hashOf } from '../browser/sessions.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { Throttle } from './throttle.ts'

/** Tokens remembered at most. */
const mostCached = 50_000

/** The caller of a call that is made with a valid token. */
export interface Authenticated {
  token: TokenRow
  /** The session that stands for the token, of a browser that has signed in. */
  browser?: FoundSession
}

/** The parts of a call that identify its caller. */
export interface Asking {
  headers: IncomingHttpHeaders
  /** The address of the client. */
  address: string
}

/** The parts of the entry of a call that are about its tokens. */
type Access = Pick<CallSpec, 'access' | 'takesExpired' | 'method' | 'keyless'>

/** Finds the token that a call carries, or that its browser has signed in with. */
export class Authenticator {
  readonly browsers: BrowserSessions
  readonly #store: Store
  readonly #clock: Clock
  readonly #throttle = new Throttle()
  #cache = new Map<string, TokenRow>()
  /** When tokens of operators were last used, by id; written in the background. */
  #used = new Map<string, number>()
  #unsubscribe: () => void

  constructor(store: Store, clock: Clock, browsers: BrowserSessions) {
    this.browsers = browsers
    this.#store = store
    this.#clock = clock
    this.#unsubscribe = store.subscribe(topic => {
      if (topic.about === 'tokens') this.#cache = new Map()
    })
  }

  /**
   * The token of a call, where it is valid and of a kind that the call takes; with a refusal of another kind
   * too. A token in `Authorization` goes before the cookie of a browser.
   */
  async authenticate(
    { headers, address }: Asking,
    spec: Access,
  ): Promise<Result<Authenticated, Refusal & Partial<Authenticated>>> {
    const { authorization } = headers
    if (authorization === undefined) {
      const secret = this.browsers.secretOf(headers)
      if (!secret.ok) return secret
      if (secret.value !== undefined) return this.#byCookie(secret.value, { headers, address }, spec)
    }
    const text = /^Bearer +(.*)$/i.exec(authorization ?? '')?.[1]
    if (text === undefined || !isToken(text))
      return refuse(
        'bad-token',
        authorization === undefined
          ? 'this call needs a token: Authorization: Bearer …'
          : 'the Authorization header has no bearer token',
      )
    return this.byText(text, address, spec)
  }

  /** The token with a text, as `authenticate` finds it. */
  async byText(
    text: string,
    address: string,
    { access, takesExpired }: Pick<Access, 'access' | 'takesExpired'>,
  ): Promise<Result<Authenticated, Refusal & Partial<Authenticated>>> {
    const hash = hashOf(text)
    const token = this.#cache.get(hash) ?? (await this.#lookUp(hash))
    if (token === undefined || !sameHash(token.hash, hash))
      return this.failed(
        address,
        hash,
        'the server does not know this token; ' +
          'it may have been revoked; an administrator makes another with `runner token create`',
      )
    if (this.#isExpired(token, takesExpired))
      return this.failed(
        address,
        hash,
        `this token, ${token.name}, expired at ${new Date(token.expires_at ?? 0).toISOString()}; ` +
          'an administrator makes another with `runner token create`',
      )
    if (!access.includes(token.kind)) return wrongKind({ token }, access)
    if (token.kind !== 'runner') this.#used.set(token.id, this.#clock.now().getTime())
    return ok({ token })
  }

  /** A call with the cookie of a session. */
  async #byCookie(
    secret: string,
    { headers, address }: Asking,
    spec: Access,
  ): Promise<Result<Authenticated, Refusal & Partial<Authenticated>>> {
    const hash = hashOf(secret)
    const browser = await this.browsers.find(hash)
    if (browser === undefined)
      return this.failed(address, hash, 'this browser is not signed in any more: sign in again')
    const { token } = browser
    const admitted = this.browsers.admit(browser, headers, spec)
    if (!admitted.ok) return fail({ ...admitted.failure, token, browser })
    if (!spec.access.includes(token.kind)) return wrongKind({ token, browser }, spec.access)
    this.#used.set(token.id, this.#clock.now().getTime())
    return ok({ token, browser })
  }

  /**
   * Whether a token that this call was made with is known to be valid still; false also where it has to be
   * looked up anew.
   */
  stillHolds({ token, browser }: Authenticated, { takesExpired }: Pick<CallSpec, 'takesExpired'>): boolean {
    if (browser !== undefined) return this.browsers.stillHolds(browser)
    return this.#cache.get(token.hash) === token && !this.#isExpired(token, takesExpired)
  }

  /** Whether the token, or the session of a browser, with this id is still valid. */
  async isValid(tx: Reader, credential: string): Promise<boolean> {
    const token = await tx.token(credential)
    if (token !== undefined) return !this.#store.watch.isExpired(token)
    return (await this.browsers.validOf(tx, [credential])).length > 0
  }

  #isExpired(token: TokenRow, takesExpired: boolean | undefined): boolean {
    return this.#store.watch.isExpired(token) && !(takesExpired && token.kind === 'runner')
  }

  async #lookUp(hash: string): Promise<TokenRow | undefined> {
    const cache = this.#cache
    const token = await this.#store.read(tx => tx.tokenByHash(hash))
    if (token !== undefined && cache.size < mostCached) cache.set(hash, token)
    return token
  }

  /** Counts a secret that is not valid; refuses with `detail`. */
  failed(address: string, hash: string, detail: string): Result<never, Refusal> {
    const wait = this.#throttle.failed(address, hash, this.#clock.monotonic())
    if (wait === undefined) return refuse('bad-token', detail)
    return fail({ reason: 'too-many-requests', detail, retry_after: wait })
  }

  /** Writes down when tokens were last used. */
  async writeLastUse(): Promise<void> {
    await this.browsers.writeLastUse()
    const used = this.#used
    if (used.size === 0) return
    this.#used = new Map()
    await this.#store.write(
      async tx => {
        for (const [id, time] of used) {
          const token = await tx.token(id)
          if (token !== undefined && (token.last_used_at ?? 0) < time)
            tx.putToken({ ...token, last_used_at: time })
        }
      },
      { durable: false },
    )
  }

  close(): void {
    this.browsers.close()
    this.#unsubscribe()
  }
}

const wrongKind = (caller: Authenticated, access: Access['access']) =>
  fail({
    reason: 'wrong-token-kind',
    detail: `a token of kind ${caller.token.kind} was sent; this call takes ${access.join(' or ')}`,
    ...caller,
  } as const)

/** In constant time. */
function sameHash(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
