import type { IncomingHttpHeaders } from 'node:http'
import type { BrowserSession, ListedBrowserSession } from '../../../protocol/messages/browser.ts'
import { browserRoles, everyNamespace } from '../../../protocol/messages/token-kinds.ts'
import { ok } from '../../../result.ts'
import { limitOf } from '../../../store/browser-rows.ts'
import type { Writer } from '../../../store/writer.ts'
import { cookieName, setCookie } from '../../browser/cookies.ts'
import {
  type BrowserSessions,
  type FoundSession,
  hashOf,
  isBrowserToken,
  keyOfSecret,
  newSecret,
  sameSite,
  withUser,
} from '../../browser/sessions.ts'
import { refuse } from '../../rules/refusal.ts'
import { time } from '../../rules/times.ts'
import {
  createBrowserCode,
  endBrowserSession,
  openBrowserSession,
  useBrowserCode,
} from '../../state/browser-sessions.ts'
import { listed } from '../../state/pages.ts'
import type { Handlers } from '../handler.ts'
import { pageType, smallPage } from '../page-headers.ts'
import { createdOf, listOf, nothingOf } from './answers.ts'
import { pageOf } from './page.ts'

/** Browsers sign in and out. */
export const browserHandlers = {
  async openBrowserSession({ body, request, address, change }, { auth, context, store }) {
    const { headers } = request
    const { browsers } = auth
    if (!browsers.enabled) return noPage
    const site = sameSite(headers)
    if (!site.ok) return site
    const { token: text, code } = body
    if ((text === undefined) === (code === undefined))
      return refuse('malformed', 'the body has either /token or /code')
    const found = text === undefined ? undefined : await auth.byText(text, address, { access: browserRoles })
    if (found?.ok === false) return found
    const fresh = freshSession(headers, browsers)
    const opened = await change<FoundSession>(async (tx, note) => {
      const codeHash = hashOf(code ?? '')
      const token =
        found === undefined
          ? await useBrowserCode(tx, store.watch, codeHash)
          : await tx.token(found.value.token.id)
      if (token === undefined || !isBrowserToken(token) || store.watch.isExpired(token))
        return auth.failed(
          address,
          codeHash,
          'this code or token is not good, or not any more: ' +
            'a code is good once, for 10 minutes; `runner page` makes another',
        )
      await endFormer(tx, headers, browsers)
      const session = await openBrowserSession(tx, context, { token }, fresh.hashes)
      note({ object: session.id, by: { token, browser_session: session.id } })
      return ok({ token, session })
    })
    if (!opened.ok) return opened
    return ok({ status: 200, json: shown(opened.value, fresh.key), cookie: fresh.cookie })
  },

  async getBrowserSession({ browser, request }, { auth: { browsers } }) {
    const secret = browsers.secretOf(request.headers)
    if (browser === undefined || !secret.ok || secret.value === undefined) return notOfBrowser
    const key = browser.session.secure ? keyOfSecret(secret.value) : null
    return ok({ status: 200, json: shown(browser, key) })
  },

  async endBrowserSession({ browser, request, change }, { auth: { browsers }, oidc }) {
    if (browser === undefined) return notOfBrowser
    const { id, user, id_token } = browser.session
    const ended = await change(async (tx, note) => {
      note({ object: id })
      return ok(await endBrowserSession(tx, id))
    })
    if (!ended.ok) return ended
    const { secure } = browsers
    const cookie = setCookie(cookieName(request.headers, secure), '', { secure })
    const end_session_url = user === null || oidc === undefined ? null : await oidc.endUrl(id_token)
    return ok({ status: 200, json: { end_session_url }, cookie })
  },

  async listBrowserSessions({ browser, query }, { auth: { browsers }, store }) {
    const page = await store.read(async tx => {
      const rows = await listed(
        pageOf(query),
        page => tx.listBrowserSessions(page),
        ({ id }) => id,
      )
      return { ...rows, items: await browsers.valid(tx, rows.items) }
    })
    return listOf({ ...page, items: page.items.map(found => listedSession(found, browser)) })
  },

  async revokeBrowserSession({ params, change }, { auth: { browsers } }) {
    const ended = await change(async (tx, note) => {
      const [found] = await browsers.found(tx, [params.id])
      const before = found && { ...factsOf(found), token_id: found.session.token_id }
      note({ object: params.id, before: before ?? null })
      return (await endBrowserSession(tx, params.id))
        ? ok(undefined)
        : refuse('not-found', 'there is no session of a browser with this id')
    })
    return nothingOf(ended)
  },

  async createBrowserCode({ browser, token, change }, { context, auth: { browsers } }) {
    if (!browsers.enabled) return noPage
    // A session would else outlive its limit by its own codes.
    if (browser !== undefined)
      return refuse('wrong-token-kind', 'a browser that has signed in makes no codes: `runner page` does')
    const { publicUrl = null } = browsers
    const code = newSecret()
    const made = await change(async (tx, note) => {
      note({ object: null })
      const { expires_at } = await createBrowserCode(tx, context, token, hashOf(code))
      return ok({ code, expires_at, public_url: publicUrl })
    })
    return createdOf(made)
  },

  async signInWays(_, { oidc }) {
    return ok({ status: 200, json: { oidc: oidc?.settings.issuer ?? null } })
  },

  async startOidc({ request }, { oidc }) {
    if (oidc === undefined) return noProvider
    const started = await oidc.start(request.headers)
    return started.ok ? ok({ status: 302, ...started.value }) : started
  },

  async finishOidc({ request, address, change }, { oidc, auth, context }) {
    if (oidc === undefined) return noProvider
    const { browsers } = auth
    const { headers, url = '' } = request
    const person = await oidc.finish(headers, url)
    if (!person.ok)
      return person.failure.reason === 'bad-token'
        ? auth.failed(address, 'oidc', person.failure.detail ?? '')
        : person
    const fresh = freshSession(headers, browsers)
    const opened = await change(async (tx, note) => {
      await endFormer(tx, headers, browsers)
      const session = await openBrowserSession(tx, context, person.value, fresh.hashes)
      const { subject, name, role, namespaces } = person.value.user
      const { token } = withUser(session)!
      const after = { issuer: oidc.settings.issuer, subject, name, role, namespaces }
      note({ object: session.id, after, by: { token, browser_session: session.id } })
      return ok(undefined)
    })
    if (!opened.ok) return opened
    // The provider's redirect is a call of another site, with which the session's cookie would not be sent:
    // so the browser gets a page, which goes on by itself.
    const text = smallPage('You are signed in.', true)
    return ok({ status: 200, text, type: pageType, cookie: [fresh.cookie, oidc.clearCookie(headers)] })
  },
} satisfies Partial<Handlers>

/** The secrets of a new session: as its row has them, and as its browser gets them. */
function freshSession(headers: IncomingHttpHeaders, { secure }: BrowserSessions) {
  const secret = newSecret()
  const key = secure ? keyOfSecret(secret) : newSecret()
  const cookie = setCookie(cookieName(headers, secure), secret, { secure })
  return { hashes: { hash: hashOf(secret), key_hash: hashOf(key), secure }, key, cookie }
}

/** Ends the session that a browser has: its only cookie is about to be that of another one. */
async function endFormer(tx: Writer, headers: IncomingHttpHeaders, browsers: BrowserSessions): Promise<void> {
  const secret = browsers.secretOf(headers)
  if (!secret.ok || secret.value === undefined) return
  const former = await tx.browserSessionByHash(hashOf(secret.value))
  if (former !== undefined) await endBrowserSession(tx, former.id)
}

const noProvider = refuse(
  'not-found',
  'people do not sign in by an identity provider here: oidc_issuer is not set',
)
const noPage = refuse('not-found', 'this server has no page: its configuration says page = no in [server]')
const notOfBrowser = refuse('not-found', 'this call was not made by a browser that has signed in')

/** A session as its browser sees it. */
const shown = (found: FoundSession, key: string | null): BrowserSession => ({ ...factsOf(found), key })

/** A session as an administrator sees it. */
const listedSession = (found: FoundSession, caller: FoundSession | undefined): ListedBrowserSession => ({
  ...factsOf(found),
  id: found.session.id,
  token_id: found.session.token_id,
  created_at: time(found.session.created_at),
  last_used_at: time(found.session.used_at),
  is_own: found.session.id === caller?.session.id,
})

function factsOf({ session, token }: FoundSession): Omit<BrowserSession, 'key'> {
  const ends = Math.min(session.created_at + limitOf(session), token.expires_at ?? Number.POSITIVE_INFINITY)
  const everywhere = token.namespaces === null || token.namespaces.includes(everyNamespace)
  return {
    name: token.name,
    role: token.kind,
    namespaces: everywhere ? null : token.namespaces,
    expires_at: time(ends),
    secure: session.secure,
  }
}
