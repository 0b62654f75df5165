/* The cookies of browsers that have signed in, or are about to. */
import type { IncomingHttpHeaders } from 'node:http'

/**
 * The name of a cookie. Browsers send a cookie to every port of a host, so the port is in the name: the
 * servers of one host have each their own. With `__Host-` a browser takes the cookie over TLS alone, and of
 * no other host.
 */
export function cookieName(
  headers: IncomingHttpHeaders,
  secure: boolean,
  of: 'session' | 'oidc' = 'session',
): string {
  const { host = headers[':authority'] } = headers
  const [, port = secure ? '443' : '80'] = /:(\d{1,5})$/.exec(String(host)) ?? []
  return `${secure ? '__Host-' : ''}runner_${of}_${port}`
}

/** The different values that the cookies of a request have under a name. */
export function cookiesIn({ cookie = '' }: IncomingHttpHeaders, name: string): string[] {
  const values = cookie.split(';').flatMap(pair => {
    const at = pair.indexOf('=')
    return at > 0 && pair.slice(0, at).trim() === name ? pair.slice(at + 1).trim() : []
  })
  return [...new Set(values)]
}

export interface CookieOptions {
  secure: boolean
  sameSite?: 'Strict' | 'Lax'
  /** The seconds for which the browser keeps it; by default until the browser is closed. */
  seconds?: number
}

/** The header that sets a cookie, or with an empty value removes it. */
export function setCookie(
  name: string,
  value: string,
  { secure, sameSite = 'Strict', seconds }: CookieOptions,
): string {
  const age = value === '' ? 0 : seconds
  const [transport, lasting] = [secure ? '; Secure' : '', age === undefined ? '' : `; Max-Age=${age}`]
  return `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}${transport}${lasting}`
}
