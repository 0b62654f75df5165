import { defined, fail, ok, type Result } from '../../result.ts'
import { isLoopback } from '../../system/loopback.ts'

/** The way to a server. Contents of files, not their names. */
export interface TransportOptions {
  /** Trusted instead of the CAs that Node knows. */
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  /**
   * `http://…` of a proxy; without it `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` apply, but never to loopback
   * addresses.
   */
  proxy?: string
}

/** Seconds for a connection to be made. */
const connectSeconds = 10

/** Parses the address of a server; fails with a sentence. */
export function serverUrl(text: string): Result<URL, string> {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return fail(`${JSON.stringify(text)} is not the address of a server; write https://host:port`)
  if (url.username !== '' || url.password !== '')
    return fail('the address of a server has no user name and no password in it; name a token file instead')
  if (url.search !== '' || url.hash !== '') return fail(`${url.origin} must not have ? or # behind it`)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return ok(url)
}

/** The variables that name a proxy, in capitals; in small letters they count as well. */
export const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY'] as const

const variable = (env: NodeJS.ProcessEnv, name: string) => env[name.toLowerCase()] || env[name] || undefined

/** The host of the proxy that requests may go through, without user and password. */
export function proxyOf(
  server: URL,
  { proxy }: TransportOptions,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const name = server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const used = proxy ?? (isLoopback(server.hostname) ? undefined : variable(env, name))
  return used === undefined ? undefined : (URL.parse(used)?.host ?? 'with no address')
}

/** Opens the HTTP agent for a server; closed by `destroy`. Loads undici. */
export async function openTransport(server: URL, options: TransportOptions, env: NodeJS.ProcessEnv) {
  const undici = await import('undici')
  const { ca, cert, key } = options
  const tls = {
    minVersion: 'TLSv1.2' as const,
    ...defined({ ca, cert, key }),
  }
  const common = { connect: { ...tls, timeout: connectSeconds * 1000 }, allowH2: false }
  const behind = { ...common, requestTls: { ...tls, timeout: connectSeconds * 1000 } }
  if (options.proxy !== undefined) return new undici.ProxyAgent({ ...behind, uri: options.proxy })
  const [httpProxy, httpsProxy] = [variable(env, 'HTTP_PROXY'), variable(env, 'HTTPS_PROXY')]
  if (isLoopback(server.hostname) || (httpProxy ?? httpsProxy) === undefined) return new undici.Agent(common)
  return new undici.EnvHttpProxyAgent({
    ...behind,
    ...defined({ httpProxy, httpsProxy }),
    noProxy: variable(env, 'NO_PROXY') ?? '',
  })
}

export type Transport = Awaited<ReturnType<typeof openTransport>>
