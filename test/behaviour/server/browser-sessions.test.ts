import t from 'tap'
import { cookieOf, SignedIn } from '../../support/browser-session.ts'
import { type Answered, serverTest, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const make = async (server: TestServer, body: Record<string, unknown>) =>
  (await server.call('POST', '/v1/tokens', { body })).json as { id: string; token: string }

/** The status and the reason of a refusal. */
const refusal = ({ status, json }: Answered) => `${status} ${json?.type?.split(':').at(-1)}`

type Body = (t: Tap, server: TestServer) => Promise<void>
type Tap = Parameters<Parameters<typeof serverTest>[3]>[0]

/** Tests that share a server, which takes longer to start than all of them. */
const parts: [title: string, body: Body][] = []
const part = (title: string, body: Body) => parts.push([title, body])

const open = (server: TestServer, body: unknown, headers: Record<string, string> = {}) =>
  server.call('POST', '/v1/browser-session', { token: null, body, headers })

part('only the tokens of people sign in, and failures are on record', async (t, server) => {
  const runner = await server.runner()
  for (const token of [server.token('registration'), runner.token])
    t.equal(refusal(await open(server, { token })), '403 wrong-token-kind')
  for (const body of [{}, { token: 'a', code: 'b' }, { token: '' }, { token: 'x'.repeat(600) }, [], 'text'])
    t.equal(refusal(await open(server, body)), '400 malformed')
  const guesses: string[] = []
  for (let guess = 0; guess < 12; guess++) guesses.push(refusal(await open(server, { token: 'rnr_admin_x' })))
  t.equal(guesses[0], '401 bad-token')
  t.equal(guesses.at(-1), '429 too-many-requests')
  t.equal((await open(server, { token: server.token('admin') })).status, 200, 'a valid one is never refused')
  const entries = (await server.call('GET', '/v1/audit?call=login')).json.items
  const entry = { call: 'login', method: 'POST', path: '/v1/browser-session', address: '127.0.0.1' }
  t.match(entries.at(-1), entry)
})

part('a token signs a browser in, whose calls have its rights until it signs out', async (t, server) => {
  const { token, id } = await make(server, { kind: 'viewer', name: 'dashboard', namespaces: ['own'] })
  const answer = await open(server, { token })
  t.equal(answer.status, 200)
  t.match(answer.json, {
    name: 'dashboard',
    role: 'viewer',
    namespaces: ['own'],
    key: /^[\w-]{43}$/,
    expires_at: /^\d{4}-.*Z$/,
    secure: false,
  })
  const port = new URL(server.url).port
  t.match(
    answer.headers.get('set-cookie'),
    new RegExp(`^runner_session_${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`),
  )
  t.notMatch(answer.text, token)
  const browser = new SignedIn(server, cookieOf(answer), answer.json)
  t.match((await browser.call('GET', '/v1/whoami')).json, { id, kind: 'viewer', namespaces: ['own'] })
  t.equal(
    refusal(await browser.call('PUT', '/v1/jobs/a', { body: { image: 'i' } })),
    '403 wrong-token-kind',
    'a viewer changes nothing',
  )
  t.same((await browser.call('GET', '/v1/browser-session')).json, { ...answer.json, key: null })
  const over = await browser.call('DELETE', '/v1/browser-session')
  t.same([over.status, over.json], [200, { end_session_url: null }])
  t.match(over.headers.get('set-cookie'), /=; Path=\/; .*Max-Age=0/)
  t.equal(refusal(await browser.call('GET', '/v1/whoami')), '401 bad-token')
})

part('a call of a browser needs the key of its page', async (t, server) => {
  const browser = await SignedIn.with(server, { token: server.token('admin') })
  const { cookie } = browser
  const without = (method: string, path: string, headers = {}) =>
    server.call(method, path, { token: null, headers: { cookie, ...headers } })
  t.equal(refusal(await without('GET', '/v1/jobs')), '403 wrong-page-key', 'without TLS to read, too')
  t.equal(refusal(await without('POST', '/v1/jobs/a/run')), '403 wrong-page-key')
  for (const key of ['', 'x', `${browser.session.key}x`, 'x'.repeat(43), 'x'.repeat(4000)])
    t.equal(refusal(await without('GET', '/v1/jobs', { 'runner-page-key': key })), '403 wrong-page-key', key)
  t.equal((await browser.call('GET', '/v1/jobs')).status, 200)

  const other = await SignedIn.with(server, { token: server.token('admin') })
  const mixed = { cookie, 'runner-page-key': other.session.key! }
  t.equal(
    refusal(await without('GET', '/v1/jobs', mixed)),
    '403 wrong-page-key',
    'the key of another session',
  )

  // To ask who is signed in is all that a cookie without a key can do.
  t.match((await without('GET', '/v1/browser-session')).json, { role: 'admin', key: null })
  const wrong = { 'runner-page-key': 'x' }
  t.equal(refusal(await without('GET', '/v1/browser-session', wrong)), '403 wrong-page-key')
})

part('a page of another site makes no call', async (t, server) => {
  const body = { token: server.token('admin') }
  const browser = await SignedIn.with(server, body, { 'sec-fetch-site': 'same-origin' })
  for (const site of ['cross-site', 'same-site', 'nonsense', '']) {
    const headers = { 'sec-fetch-site': site }
    t.equal(refusal(await browser.call('GET', '/v1/jobs', { headers })), '403 cross-site', site)
    t.equal(
      refusal(await browser.call('POST', '/v1/schedules/pause', { headers })),
      '403 cross-site',
      `${site} to change something`,
    )
    t.equal(refusal(await open(server, body, headers)), '403 cross-site', `${site} to sign in`)
  }
  for (const site of ['same-origin', 'none'])
    t.equal(
      (await browser.call('GET', '/v1/jobs', { headers: { 'sec-fetch-site': site } })).status,
      200,
      site,
    )
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const posted = await server.call('POST', '/v1/browser-session', {
    token: null,
    headers: form,
    body: `token=${body.token}`,
  })
  t.equal(refusal(posted), '415 unsupported-media-type', 'no form signs anybody in')
  const asked = await server.call('OPTIONS', '/v1/browser-session', {
    token: null,
    headers: { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' },
  })
  t.equal(asked.headers.get('access-control-allow-origin'), null)
})

part('a token in the header goes before the cookie', async (t, server) => {
  const { token } = await make(server, { kind: 'viewer', name: 'other' })
  const browser = await SignedIn.with(server, { token: server.token('admin') })
  const headers = { cookie: browser.cookie }
  t.match((await server.call('GET', '/v1/whoami', { token, headers })).json, { kind: 'viewer' })
  t.equal(refusal(await server.call('GET', '/v1/whoami', { token: 'rnr_none', headers })), '401 bad-token')
})

serverTest(
  t,
  'a session ends with its token, and so do its open calls',
  { stores, settings: { lease_seconds: 600 } },
  async (t, server) => {
    const viewer = await make(server, { kind: 'viewer', name: 'leaves' })
    const browser = await SignedIn.with(server, { token: viewer.token })
    const { id } = await server.submit()
    const path = `/v1/executions/${id}/log?follow=true`
    const log = await server.events(path, { token: null, headers: browser.headers })
    const code = (await server.call('POST', '/v1/browser-codes', { token: viewer.token })).json.code
    t.equal((await server.call('DELETE', `/v1/tokens/${viewer.id}`)).status, 204)
    await log.rest()
    t.equal(refusal(await browser.call('GET', '/v1/jobs')), '401 bad-token')
    t.equal(refusal(await open(server, { code })), '401 bad-token', 'a code of it is no good either')

    const short = await make(server, { kind: 'viewer', name: 'short', expires_in_seconds: 2 })
    const other = await SignedIn.with(server, { token: short.token })
    const rest = await server.events(path, { token: null, headers: other.headers })
    await rest.rest()
    t.equal(refusal(await other.call('GET', '/v1/jobs')), '401 bad-token')

    const third = await SignedIn.with(server, { token: server.token('admin') })
    const followed = await server.events(path, { token: null, headers: third.headers })
    t.equal((await third.call('DELETE', '/v1/browser-session')).status, 200)
    await followed.rest()
    t.equal((await server.call('GET', '/v1/jobs')).status, 200, 'the token itself stays')
  },
)

part('a code signs one browser in', async (t, server) => {
  const { token } = await make(server, { kind: 'operator', name: 'ops' })
  const made = await server.call('POST', '/v1/browser-codes', { token })
  t.equal(made.status, 201)
  t.match(made.json, { code: /^[\w-]{43}$/, expires_at: /Z$/, public_url: null })
  const browser = await SignedIn.with(server, { code: made.json.code })
  t.match(browser.session, { name: 'ops', role: 'operator', namespaces: ['default'] })
  t.equal((await browser.call('PUT', '/v1/jobs/a', { body: { image: 'i' } })).status, 201)
  t.equal(refusal(await open(server, { code: made.json.code })), '401 bad-token', 'once')
  t.equal(refusal(await browser.call('POST', '/v1/browser-codes')), '403 wrong-token-kind')
  const both = await Promise.all(
    [1, 2, 3, 4].map(async () => (await server.call('POST', '/v1/browser-codes', { token })).json.code),
  )
  const raced = await Promise.all([...both, ...both].map(code => open(server, { code })))
  t.same(raced.map(({ status }) => status).toSorted(), [200, 200, 200, 200, 401, 401, 401, 401])
})

part('the audit log names the token and the session', async (t, server) => {
  const { token, id } = await make(server, { kind: 'operator', name: 'ops' })
  const browser = await SignedIn.with(server, { token })
  await browser.call('PUT', '/v1/jobs/a', { body: { image: 'i' } })
  await browser.call('GET', '/v1/audit')
  await browser.call('DELETE', '/v1/browser-session')
  const { items } = (await server.call('GET', `/v1/audit?token=${id}`)).json
  const calls = items.map(({ call }: { call: string }) => call)
  t.same(calls.toSorted(), ['endBrowserSession', 'listAudit', 'openBrowserSession', 'putJob'])
  const [session] = new Set(items.map((item: { browser_session?: string }) => item.browser_session))
  t.match(session, /^[0-9a-f-]{36}$/)
  for (const item of items)
    t.match(item, { token_id: id, token_name: 'ops', token_kind: 'operator', browser_session: session })
  const verified = await server.call('GET', '/v1/audit?limit=1000')
  t.notOk(verified.json.items.some((item: { problem?: string }) => item.problem !== undefined))
})

part('an administrator sees and ends the sessions of all', async (t, server) => {
  const { token, id } = await make(server, { kind: 'viewer', name: 'lost phone' })
  const phone = await SignedIn.with(server, { token })
  const own = await SignedIn.with(server, { token: server.token('admin') })
  t.equal(refusal(await phone.call('GET', '/v1/browser-sessions')), '403 wrong-token-kind')
  const first = (await own.call('GET', '/v1/browser-sessions?limit=1')).json
  t.match(first, { items: [{ name: /./, role: 'admin', is_own: true }], next: first.items[0].id })
  const second = await own.call('GET', `/v1/browser-sessions?limit=1&after=${first.next}`)
  const [listed] = second.json.items
  t.match(listed, { name: 'lost phone', role: 'viewer', token_id: id, last_used_at: /Z$/, is_own: false })
  t.notOk('key' in listed)
  const log = await server.events('/v1/events', { token: null, headers: phone.headers })
  t.equal((await own.call('DELETE', `/v1/browser-sessions/${listed.id}`)).status, 204)
  await log.rest()
  t.equal(refusal(await phone.call('GET', '/v1/jobs')), '401 bad-token')
  t.equal(refusal(await own.call('DELETE', `/v1/browser-sessions/${listed.id}`)), '404 not-found')
  const { items } = (await server.call('GET', '/v1/audit?call=revokeBrowserSession')).json
  // The refused one is written down later, at any time.
  const done = items.filter(({ status }: { status: number }) => status === 204)
  t.match(done, [{ object: listed.id, before: { name: 'lost phone', token_id: id } }])
  t.equal((await server.call('GET', '/v1/jobs', { token })).status, 200, 'the token itself stays')
})

part('cookies that no browser would send do no harm', async (t, server) => {
  const browser = await SignedIn.with(server, { token: server.token('admin') })
  const key = browser.session.key!
  const [name] = browser.cookie.split('=')
  const asked = (cookie: string) =>
    server.call('GET', '/v1/whoami', { token: null, headers: { cookie, 'runner-page-key': key } })
  const refused = [
    `${name}=`,
    `${name}=x`,
    `${name}`,
    `=${name}`,
    `${name}="${browser.cookie.split('=')[1]}"`,
    `${browser.cookie}; ${name}=${'x'.repeat(43)}`,
    `${name}=${'x'.repeat(43)}; ${browser.cookie}`,
    `${browser.cookie}x`,
    `x${browser.cookie}`,
    `${name}=${'x'.repeat(10_000)}`,
    ';;;=;;',
    '__proto__=1',
  ]
  for (const cookie of refused) t.equal(refusal(await asked(cookie)), '401 bad-token', cookie.slice(0, 80))
  const taken = [
    browser.cookie,
    `${browser.cookie}; ${browser.cookie}`,
    `a=b;${browser.cookie};`,
    `  ${browser.cookie}  ; c`,
    `${'a=b; '.repeat(1500)}${browser.cookie}`,
    `runner_session_1=${'x'.repeat(43)}; ${browser.cookie}`,
  ]
  for (const cookie of taken) t.equal((await asked(cookie)).status, 200, cookie.slice(-80))
  t.equal((await asked(`a=${'x'.repeat(20_000)}`)).status, 431)
})

part('a browser has one session: signing in again ends the one before', async (t, server) => {
  const token = server.token('admin')
  const first = await SignedIn.with(server, { token })
  const second = await SignedIn.with(server, { token }, { cookie: first.cookie })
  t.equal(refusal(await first.call('GET', '/v1/jobs')), '401 bad-token')
  t.equal((await second.call('GET', '/v1/jobs')).status, 200)
})

serverTest(t, 'a session outlives a restart of the server', { stores }, async (t, server) => {
  const browser = await SignedIn.with(server, { token: server.token('admin') })
  const port = new URL(server.url).port
  await server.stop()
  await server.restart()
  // The test's server has another port, and the cookie the name of the one before.
  const cookie = browser.cookie.replace(port, new URL(server.url).port)
  t.match((await browser.call('GET', '/v1/whoami', { headers: { cookie } })).json, { kind: 'admin' })
})

serverTest(
  t,
  'public_url says how browsers reach the server',
  { settings: { public_url: 'https://runner.example' } },
  async (t, server) => {
    const answer = await open(server, { token: server.token('admin') })
    t.match(answer.headers.get('set-cookie'), /^__Host-runner_session_\d+=[\w-]{43}; .*; Secure$/)
    const browser = new SignedIn(server, cookieOf(answer), answer.json)
    t.equal(browser.session.secure, true)
    const read = { token: null, headers: { cookie: browser.cookie } }
    t.equal((await server.call('GET', '/v1/jobs', read)).status, 200, 'over TLS a cookie is enough to read')
    t.equal(refusal(await server.call('POST', '/v1/schedules/pause', read)), '403 wrong-page-key')
    t.same(
      (await server.call('GET', '/v1/browser-session', read)).json,
      browser.session,
      'the key is told again',
    )
    const made = (await server.call('POST', '/v1/browser-codes')).json
    t.equal(made.public_url, 'https://runner.example')
  },
)

serverTest(t, 'without a page nobody signs in', { settings: { page: 'no' } }, async (t, server) => {
  t.equal(refusal(await open(server, { token: server.token('admin') })), '404 not-found')
  t.equal(refusal(await server.call('POST', '/v1/browser-codes')), '404 not-found')
  const index = await server.call('GET', '/', { token: null, headers: { accept: 'text/html' } })
  t.equal(refusal(index), '404 not-found')
})

serverTest(t, 'the sessions of browsers', { stores }, async (t, server) => {
  for (const [title, body] of parts) await t.test(title, t => body(t, server))
})

// A machine that does much else takes long to start servers.
t.setTimeout(1_800_000)
