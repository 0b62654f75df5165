import type { BrowserSession } from '../../src/protocol/messages/browser.ts'
import type { Answered, Asked, TestServer } from './server.ts'

/** A browser that has signed in, as far as the server can tell: it keeps the cookie and the key. */
export class SignedIn {
  readonly server: TestServer
  readonly cookie: string
  readonly session: BrowserSession

  constructor(server: TestServer, cookie: string, session: BrowserSession) {
    this.server = server
    this.cookie = cookie
    this.session = session
  }

  /** Signs in with a token or a code; `headers` are those that the browser sends beside. */
  static async with(
    server: TestServer,
    body: { token: string } | { code: string },
    headers: Record<string, string> = {},
  ): Promise<SignedIn> {
    const answer = await server.call('POST', '/v1/browser-session', { token: null, body, headers })
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
    return new SignedIn(server, cookieOf(answer), answer.json)
  }

  /** Headers of a call from the page: cookie and key. */
  get headers(): Record<string, string> {
    const { key } = this.session
    return { cookie: this.cookie, ...(key === null ? {} : { 'runner-page-key': key }) }
  }

  /** Makes a call as the page does; `headers` go before its own. */
  call(method: string, path: string, { headers, ...asked }: Asked = {}): Promise<Answered> {
    return this.server.call(method, path, { token: null, ...asked, headers: { ...this.headers, ...headers } })
  }
}

/** The cookie that an answer sets, as a browser sends it back. */
export function cookieOf({ headers }: Answered): string {
  return headers.get('set-cookie')?.split(';')[0] ?? ''
}
