/*
 * People sign in by an identity provider (OpenID Connect, code flow with PKCE). The facts that are needed
 * when the provider sends a person back go with the person, in a cookie that only this server can open: so a
 * server remembers nothing of people who never come back.
 */
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Configuration } from 'openid-client'
import type { OidcRole } from '../../config/oidc-roles.ts'
import type { Clock } from '../../edges.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import type { BrowserUser } from '../../store/browser-rows.ts'
import { asUuid, type SealKeys } from '../../store/seal-key.ts'
import { blanked } from '../../system/printable.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { cookieName, cookiesIn, setCookie } from './cookies.ts'
import { personOf } from './persons.ts'

export interface OidcSettings {
  issuer: string
  clientId: string
  /** undefined: a public client. */
  clientSecret: string | undefined
  scopes: readonly string[]
  roles: readonly OidcRole[]
}

/** Milliseconds that a person has to come back from the provider. */
const mostAway = 600_000
/** Seconds after which what the provider says of itself is asked for again. */
const knownFor = 3600
/** Seconds that the provider has for an answer. */
const timeout = 15

/** The facts that are needed again when a person comes back. */
interface Away {
  state: string
  nonce: string
  verifier: string
  /** The time by the clock of this server. */
  until: number
}

/**
 * A person who has come back, and what the provider has said of that person, sealed (`BrowserSessionRow`).
 */
export interface SignedInPerson {
  user: BrowserUser
  id_token: string | null
}

/** Characters of the words of the provider that fit into an address. */
const longestHint = 4096

/** The way to sign in by an identity provider. */
export class Oidc {
  readonly settings: OidcSettings
  readonly #callback: string
  readonly #keys: SealKeys
  readonly #clock: Clock
  #found: { until: number; configuration: Promise<Configuration> } | undefined

  constructor(settings: OidcSettings, publicUrl: string, keys: SealKeys, clock: Clock) {
    this.settings = settings
    this.#callback = `${publicUrl.replace(/\/$/, '')}/v1/oidc/callback`
    this.#keys = keys
    this.#clock = clock
  }

  /** Where to send a browser, and the cookie that it has to bring back. */
  async start(headers: IncomingHttpHeaders): Promise<Result<{ location: string; cookie: string }, Refusal>> {
    const found = await this.#configuration()
    if (!found.ok) return found
    const client = await import('openid-client')
    const [state, nonce, verifier] = [
      client.randomState(),
      client.randomNonce(),
      client.randomPKCECodeVerifier(),
    ]
    const location = client.buildAuthorizationUrl(found.value, {
      redirect_uri: this.#callback,
      scope: this.settings.scopes.join(' '),
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    const away: Away = { state, nonce, verifier, until: this.#clock.now().getTime() + mostAway }
    const sealed = this.#keys.sealAtRest(JSON.stringify(away))
    return ok({ location: location.href, cookie: this.#cookie(headers, sealed) })
  }

  /** The person whom the provider has sent back to this path, and the sealed words of the provider. */
  async finish(headers: IncomingHttpHeaders, path: string): Promise<Result<SignedInPerson, Refusal>> {
    const away = this.#away(headers)
    if (away === undefined)
      return refuse('bad-token', 'this browser has not begun to sign in here, or more than 10 minutes ago')
    const found = await this.#configuration()
    if (!found.ok) return found
    const client = await import('openid-client')
    const { pathname, search } = new URL(path, this.#callback)
    const current = new URL(`${pathname}${search}`, this.#callback)
    try {
      const tokens = await client.authorizationCodeGrant(found.value, current, {
        pkceCodeVerifier: away.verifier,
        expectedState: away.state,
        expectedNonce: away.nonce,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (claims === undefined) return refuse('bad-token', 'the identity provider has not said who this is')
      // Many providers tell groups and names only when they are asked for them.
      const more =
        found.value.serverMetadata().userinfo_endpoint === undefined
          ? {}
          : await client.fetchUserInfo(found.value, tokens.access_token, claims.sub)
      const user = this.#person({ ...claims, ...more })
      if (!user.ok) return user
      const { id_token } = tokens
      const isOfUse = id_token !== undefined && id_token.length <= longestHint
      return ok({ user: user.value, id_token: isOfUse ? this.#keys.sealAtRest(id_token) : null })
    } catch (error) {
      return refuse('bad-token', `the identity provider has not signed this person in: ${failureText(error)}`)
    }
  }

  /** Where a browser ends the session of a person at the provider, too; null: it cannot. */
  async endUrl(id_token: string | null): Promise<string | null> {
    const found = await this.#configuration()
    const endpoint = found.ok ? found.value.serverMetadata().end_session_endpoint : undefined
    // A page goes to this address: it must not be a script.
    if (!found.ok || endpoint === undefined || !/^https?:/i.test(endpoint)) return null
    const client = await import('openid-client')
    try {
      const hint = id_token === null ? {} : { id_token_hint: this.#keys.openAtRest(id_token) }
      return client.buildEndSessionUrl(found.value, hint).href
    } catch {
      // Without TLS at the provider, or with a key of before.
      return null
    }
  }

  /** The cookie of a person who is away; with an empty text it is removed. */
  clearCookie(headers: IncomingHttpHeaders): string {
    return this.#cookie(headers, '')
  }

  #cookie(headers: IncomingHttpHeaders, value: string): string {
    // `Lax`: the provider sends the person back from another site.
    return setCookie(cookieName(headers, true, 'oidc'), value, {
      secure: true,
      sameSite: 'Lax',
      seconds: mostAway / 1000,
    })
  }

  #away(headers: IncomingHttpHeaders): Away | undefined {
    for (const sealed of cookiesIn(headers, cookieName(headers, true, 'oidc')).slice(0, 3)) {
      try {
        const away = JSON.parse(this.#keys.openAtRest(sealed)) as Away
        if (away.until > this.#clock.now().getTime()) return away
      } catch {
        // It is not one that this server has made.
      }
    }
    return undefined
  }

  #person(claims: Readonly<Record<string, unknown>> & { sub: string }): Result<BrowserUser, Refusal> {
    const person = personOf(claims, this.settings.roles)
    if (person === undefined)
      return refuse(
        'no-role',
        `${blanked(claims.sub).slice(0, 128)} has no role here: no line of oidc_roles fits`,
      )
    return ok({
      ...person,
      id: asUuid(hash('sha256', `${this.settings.issuer}\0${claims.sub}`)),
      subject: claims.sub,
    })
  }

  async #configuration(): Promise<Result<Configuration, Refusal>> {
    const now = this.#clock.monotonic()
    if (this.#found === undefined || this.#found.until <= now)
      this.#found = { until: now + knownFor, configuration: this.#discover() }
    try {
      return ok(await this.#found.configuration)
    } catch (error) {
      this.#found = undefined
      return fail({
        reason: 'unavailable',
        detail: `the identity provider ${this.settings.issuer} cannot be used: ${failureText(error)}`,
        retry_after: 10,
      })
    }
  }

  async #discover(): Promise<Configuration> {
    const client = await import('openid-client')
    const { issuer, clientId, clientSecret } = this.settings
    const plain = issuer.startsWith('http:') ? [client.allowInsecureRequests] : []
    return client.discovery(
      new URL(issuer),
      clientId,
      undefined,
      clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret),
      { timeout, execute: [client.enableNonRepudiationChecks, ...plain] },
    )
  }
}

/** An error of the client for a person, with the words of the provider where it has sent some. */
function failureText(error: unknown): string {
  const { error: code, error_description: words, cause } = (error ?? {}) as Record<string, unknown>
  const said = [code, words].filter(part => typeof part === 'string').join(': ')
  const text = said === '' ? [errorText(error), cause instanceof Error ? errorText(cause) : ''] : [said]
  return blanked(text.filter(part => part !== '').join(': ')).slice(0, 300)
}
