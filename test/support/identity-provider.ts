import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

/** A person whom the provider knows. */
export type Claims = Record<string, unknown>

export const clientId = 'runner'
export const clientSecret = 'a secret of the provider and the server'

/** A whole provider of OpenID Connect on a loopback port, at which whoever comes is one of its people at once. */
export class IdentityProvider implements AsyncDisposable {
  readonly issuer: string
  /** The name of the person who is signed in, one of its people. */
  person = 'ada'
  /** Whether that person agrees. */
  agrees = true
  readonly #server: ReturnType<typeof createServer>

  constructor(issuer: string, server: ReturnType<typeof createServer>) {
    this.issuer = issuer
    this.#server = server
  }

  /** `people`: their claims, by their subjects. */
  static async start(people: Record<string, Claims>, redirectUri: string): Promise<IdentityProvider> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const own = new IdentityProvider(issuer, server)
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: clientId,
          client_secret: clientSecret,
          redirect_uris: [redirectUri],
          response_types: ['code'],
          grant_types: ['authorization_code'],
        },
      ],
      jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'one' }] as never },
      cookies: { keys: ['one'] },
      claims: {
        openid: ['sub'],
        profile: ['preferred_username', 'name', 'groups', 'realm'],
        email: ['email', 'email_verified'],
      },
      scopes: ['openid', 'profile', 'email'],
      features: { devInteractions: { enabled: false } },
      pkce: { required: () => true },
      findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      ttl: {
        Interaction: 600,
        Session: 600,
        Grant: 600,
        AccessToken: 600,
        IdToken: 600,
        AuthorizationCode: 60,
      },
    })
    const handle = provider.callback()
    server.on('request', (request, response) => {
      if (!request.url?.startsWith('/interaction/')) return void handle(request, response)
      own.#interact(provider, request, response).catch(error => {
        response.writeHead(500).end(String(error))
      })
    })
    return own
  }

  /** Signs the person in and agrees for the person, or refuses. */
  async #interact(provider: Provider, ...[request, response]: Parameters<Provider['interactionDetails']>) {
    if (!this.agrees) {
      const refused = { error: 'access_denied', error_description: 'the person <b>said</b> no' }
      return provider.interactionFinished(request, response, refused, { mergeWithLastSubmission: false })
    }
    const { params, session } = await provider.interactionDetails(request, response)
    if (session === undefined)
      return provider.interactionFinished(request, response, { login: { accountId: this.person } })
    const grant = new provider.Grant({ accountId: session.accountId, clientId: String(params.client_id) })
    grant.addOIDCScope(String(params.scope))
    const consent = { grantId: await grant.save() }
    return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/**
 * Goes where a browser would, from one redirect to the next, with the cookies of the provider; gives the first address that
 * is not the provider's.
 */
export async function followTo(
  start: string,
  { issuer }: IdentityProvider,
  cookies = new Map<string, string>(),
): Promise<URL> {
  let url = new URL(start)
  for (let steps = 0; steps < 20; steps++) {
    if (url.origin !== issuer) return url
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } })
    const text = await response.text()
    for (const set of response.headers.getSetCookie()) {
      const [name = '', value = ''] = set.split(';')[0]!.split(/=(.*)/s)
      cookies.set(name, value)
    }
    const next = response.headers.get('location')
    if (next === null) throw new Error(`${response.status} at ${url}: ${text.slice(0, 500)}`)
    url = new URL(next, url)
  }
  throw new Error('too many redirects')
}

/** Signs out at the provider, as a person who says yes to its question; gives the provider's last words. */
export async function signOutAt(url: string, cookies: Map<string, string>): Promise<string> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const asked = await fetch(url, { headers: { cookie } })
  const text = await asked.text()
  const [, action] = /action="([^"]+)"/.exec(text) ?? []
  const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(text) ?? []
  if (action === undefined || xsrf === undefined) throw new Error(`${asked.status}: ${text.slice(0, 500)}`)
  const answer = await fetch(action, {
    method: 'POST',
    headers: { cookie },
    body: new URLSearchParams({ xsrf, logout: 'yes' }),
  })
  return `${answer.status} ${new URL(answer.url).pathname}`
}
