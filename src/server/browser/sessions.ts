/*
 * Browsers that have signed in. A call with the cookie of a session is made with the rights of the session's
 * token. A cookie alone proves little: any page can have a browser send it, and on plain http every program
 * that the browser talks to on this host gets it. So a page also sends a key that no other page and no other
 * program gets to see, and the browser says which site has made the call.
 */
import { createHmac, hash as digest, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { CallSpec } from '../../protocol/call.ts'
import { type BrowserRole, browserRoles } from '../../protocol/messages/token-kinds.ts'
import { ok, type Result } from '../../result.ts'
import { type BrowserSessionRow, idleLimit, limitOf } from '../../store/browser-rows.ts'
import type { Reader } from '../../store/reader.ts'
import { emptyToken, type TokenRow } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { cookieName, cookiesIn } from './cookies.ts'
import type { OidcSettings } from './oidc.ts'

/** The form of the secret in a cookie: 32 random bytes. */
const secretPattern = /^[A-Za-z0-9_-]{43}$/
/** Sessions remembered at most. */
const mostCached = 5000

/** SHA-256 of a secret, hexadecimal, as the store has it. */
export const hashOf = (text: string): string => digest('sha256', text)

/** A secret that nobody guesses. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/**
 * The key of a session whose cookie goes over TLS alone: it follows from the secret in the cookie, so that it
 * can be told again.
 */
export const keyOfSecret = (secret: string): string =>
  createHmac('sha256', secret).update('runner page key').digest('base64url')

/** A token with whose rights a browser can make calls. */
export type BrowserToken = TokenRow & { kind: BrowserRole }

/** A session, and the token that its calls are made with. */
export interface FoundSession {
  session: BrowserSessionRow
  token: BrowserToken
}

export const isBrowserToken = (token: TokenRow): token is BrowserToken =>
  browserRoles.some(role => role === token.kind)

/**
 * Makes sure that a call comes from no page of another site, as far as the browser says where it comes from.
 */
export function sameSite(headers: IncomingHttpHeaders): Result<void, Refusal> {
  const site = headers['sec-fetch-site']
  // `none`: the person has typed the address, or has opened a bookmark.
  if (site === undefined || site === 'same-origin' || site === 'none') return ok(undefined)
  return refuse(
    'cross-site',
    'a page of another site, or of another port, has made this call: it is not answered',
  )
}

export interface BrowserOptions {
  /** Whether browsers get the page. */
  page: boolean
  /** The address by which browsers reach the server; undefined: its own. */
  publicUrl: string | undefined
  /** The identity provider by which people sign in; it needs a `publicUrl`. */
  oidc?: OidcSettings | undefined
}

/** Finds the session of a call by its cookie. */
export class BrowserSessions {
  /** Whether browsers may sign in. */
  readonly enabled: boolean
  /** Whether cookies are set for TLS alone. */
  readonly secure: boolean
  /** The address by which browsers reach the server, if that is not its own. */
  readonly publicUrl: string | undefined
  readonly #store: Store
  #cache = new Map<string, FoundSession>()
  /** When sessions were last used, by id, as far as it was not written down yet. */
  #used = new Map<string, Pick<BrowserSessionRow, 'used_at' | 'used_watched_at'>>()
  readonly #unsubscribe: () => void

  constructor(store: Store, { page, publicUrl }: BrowserOptions, tls: boolean) {
    this.enabled = page
    this.secure = publicUrl === undefined ? tls : publicUrl.startsWith('https:')
    this.publicUrl = publicUrl
    this.#store = store
    this.#unsubscribe = store.subscribe(({ about }) => {
      if (about === 'tokens' || about === 'browsers') this.#cache = new Map()
    })
  }

  /** The secret in the cookie of a request; undefined: there is none. */
  secretOf(headers: IncomingHttpHeaders): Result<string | undefined, Refusal> {
    if (!this.enabled) return ok(undefined)
    const name = cookieName(headers, this.secure)
    const [secret, ...others] = cookiesIn(headers, name)
    if (others.length === 0 && (secret === undefined || secretPattern.test(secret))) return ok(secret)
    const wrong =
      others.length === 0 ? 'is not one that this server sets' : 'is there twice, with different values'
    return refuse(
      'bad-token',
      `the cookie ${name} ${wrong}: remove the cookies of this address, and sign in again`,
    )
  }

  /** The session with this secret, unless it is over. */
  async find(hash: string): Promise<FoundSession | undefined> {
    const found = this.#cache.get(hash) ?? (await this.#lookUp(hash))
    return found === undefined || this.#isOver(found) ? undefined : found
  }

  /** Whether the call of a session may be made; of a call that may, that counts as a use. */
  admit(
    { session }: FoundSession,
    headers: IncomingHttpHeaders,
    { method, keyless }: Pick<CallSpec, 'method' | 'keyless'>,
  ): Result<void, Refusal> {
    const site = sameSite(headers)
    if (!site.ok) return site
    const key = headers['runner-page-key']
    const mayLack = keyless || (method === 'GET' && session.secure)
    if (key === undefined ? !mayLack : !isHashOf(session.key_hash, String(key)))
      return refuse(
        'wrong-page-key',
        key === undefined
          ? 'this call needs the key of the page: ' +
              'Runner-Page-Key, as the answer that opened the session has it'
          : 'Runner-Page-Key is not the key of this session; sign in again',
      )
    this.use([session.id])
    return ok(undefined)
  }

  /** These sessions are in use now. */
  use(ids: Iterable<string>): void {
    const { now: used_at, watched: used_watched_at } = this.#store.watch
    for (const id of ids) this.#used.set(id, { used_at, used_watched_at })
  }

  /** Whether a session is known to be there still; false also where it has to be looked up anew. */
  stillHolds({ session, token }: FoundSession): boolean {
    const cached = this.#cache.get(session.hash)
    return cached?.token === token && !this.#isOver(cached)
  }

  /** The ids of those of these sessions that are not over. */
  async validOf(tx: Reader, ids: readonly string[]): Promise<string[]> {
    return (await this.found(tx, ids)).map(({ session }) => session.id)
  }

  /** Those of these sessions that are not over. */
  async found(tx: Reader, ids: readonly string[]): Promise<FoundSession[]> {
    return this.valid(tx, await tx.browserSessions(ids))
  }

  /** Those of these sessions that are not over, with their last use. */
  async valid(tx: Reader, sessions: readonly BrowserSessionRow[]): Promise<FoundSession[]> {
    const found = await Promise.all(sessions.map(session => this.#withToken(tx, session)))
    return found.flatMap(one =>
      one === undefined || this.#isOver(one) ? [] : { ...one, session: this.#withUse(one.session) },
    )
  }

  #withUse(session: BrowserSessionRow): BrowserSessionRow {
    return { ...session, ...this.#used.get(session.id) }
  }

  /** Writes down when sessions were last used. */
  async writeLastUse(): Promise<void> {
    const used = this.#used
    if (used.size === 0) return
    this.#used = new Map()
    await this.#store.write(
      async tx => {
        for (const session of await tx.browserSessions([...used.keys()])) {
          const now = { ...session, ...used.get(session.id) }
          if (now.used_at > session.used_at) tx.putBrowserSession(now)
        }
      },
      { durable: false },
    )
    for (const found of this.#cache.values()) {
      const times = used.get(found.session.id)
      if (times !== undefined) found.session = { ...found.session, ...times }
    }
  }

  close(): void {
    this.#unsubscribe()
  }

  async #lookUp(hash: string): Promise<FoundSession | undefined> {
    const cache = this.#cache
    const found = await this.#store.read(async tx => {
      const session = await tx.browserSessionByHash(hash)
      return session && (await this.#withToken(tx, session))
    })
    if (found !== undefined && cache.size < mostCached) cache.set(hash, found)
    return found
  }

  async #withToken(tx: Reader, session: BrowserSessionRow): Promise<FoundSession | undefined> {
    if (session.token_id === null) return withUser(session)
    const token = await tx.token(session.token_id)
    return token !== undefined && isBrowserToken(token) ? { session, token } : undefined
  }

  #isOver({ session, token }: FoundSession): boolean {
    const { watch } = this.#store
    const { used_at, used_watched_at } = this.#withUse(session)
    return (
      watch.isExpired(token) ||
      watch.isExpired({ expires_at: used_at + idleLimit, watched_at: used_watched_at }) ||
      watch.isExpired({ expires_at: session.created_at + limitOf(session), watched_at: session.watched_at })
    )
  }
}

/** The session of a person who has no token: calls are made as with one that nobody has the text of. */
export function withUser(session: BrowserSessionRow): FoundSession | undefined {
  const { user, created_at, watched_at } = session
  if (user === null) return undefined
  const { id, name, role, namespaces } = user
  const expires_at = created_at + limitOf(session)
  return {
    session,
    token: { ...emptyToken, id, kind: role, name, hash: '', created_at, watched_at, expires_at, namespaces },
  }
}

/** In constant time. */
const isHashOf = (hash: string, text: string): boolean =>
  timingSafeEqual(Buffer.from(hash), Buffer.from(hashOf(text)))
