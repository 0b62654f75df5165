import { fail, ok, type Result } from '../result.ts'

/** How to reach a server. Contents of files, not their names. */
export interface TransportOptions {
  /** Trusted instead of the CAs that Node knows. */
  ca?: string | Uint8Array
  cert?: string | Uint8Array
  key?: string | Uint8Array
  /** `http://…` of a proxy; without it `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold, never for this machine. */
  proxy?: string
}

/** Seconds for a connection to stand. */
const connectSeconds = 10

/** The address of a server from what a person wrote; a sentence where it cannot be one. */
export function serverUrl(text: string): Result<URL, string> {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return fail(`${JSON.stringify(text)} is no address of a server; write https://host:port`)
  if (url.username !== '' || url.password !== '')
    return fail('the address of a server has no user name and no password in it; name a token file instead')
  if (url.search !== '' || url.hash !== '') return fail(`${url.origin} must not have ? or # behind it`)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return ok(url)
}

const isHere = ({ hostname }: URL) =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)

/** The variables that name a proxy, in capitals; in small letters they count as well. */
export const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY'] as const

const variable = (env: NodeJS.ProcessEnv, name: string) => env[name.toLowerCase()] || env[name] || undefined

/** The proxy that requests may go through, without what is secret in its address. */
export function proxyOf(
  server: URL,
  { proxy }: TransportOptions,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const name = server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const used = proxy ?? (isHere(server) ? undefined : variable(env, name))
  return used === undefined ? undefined : (URL.parse(used)?.host ?? 'with no address')
}

/** What sends requests to a server; closed by `destroy`. Loads undici. */
export async function openTransport(server: URL, options: TransportOptions, env: NodeJS.ProcessEnv) {
  const undici = await import('undici')
  const { ca, cert, key } = options
  const tls = {
    minVersion: 'TLSv1.2' as const,
    ...(ca === undefined ? {} : { ca: ca as string }),
    ...(cert === undefined ? {} : { cert: cert as string }),
    ...(key === undefined ? {} : { key: key as string }),
  }
  const common = { connect: { ...tls, timeout: connectSeconds * 1000 }, allowH2: false }
  const behind = { ...common, requestTls: { ...tls, timeout: connectSeconds * 1000 } }
  if (options.proxy !== undefined) return new undici.ProxyAgent({ ...behind, uri: options.proxy })
  const [httpProxy, httpsProxy] = [variable(env, 'HTTP_PROXY'), variable(env, 'HTTPS_PROXY')]
  if (isHere(server) || (httpProxy ?? httpsProxy) === undefined) return new undici.Agent(common)
  return new undici.EnvHttpProxyAgent({
    ...behind,
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    noProxy: variable(env, 'NO_PROXY') ?? '',
  })
}

export type Transport = Awaited<ReturnType<typeof openTransport>>
