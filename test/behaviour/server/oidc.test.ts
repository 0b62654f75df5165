import t from 'tap'
import { SignedIn } from '../../support/browser-session.ts'
import {
  clientId,
  clientSecret,
  followTo,
  IdentityProvider,
  signOutAt,
} from '../../support/identity-provider.ts'
import type { Rig } from '../../support/rig.ts'
import { type Answered, serverTest, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const publicUrl = 'https://runner.example'

const people = {
  ada: {
    preferred_username: 'ada',
    groups: ['staff', 'Team A'],
    email: 'ada@example.org',
    email_verified: true,
  },
  bob: { name: 'Bob\u202e\n<b>', groups: 'viewers' },
  eve: { email: 'boss@example.org', email_verified: false, groups: [] },
  root: { email: 'boss@example.org', email_verified: true },
  nested: { realm: { roles: ['ops'] } },
}

const roles = `
    email boss@example.org admin
    groups "Team A" operator team-a team-b
    groups viewers viewer *
    realm.roles ops submitter
`

const provider = await IdentityProvider.start(people, `${publicUrl}/v1/oidc/callback`)
t.teardown(() => provider[Symbol.asyncDispose]())

const settings = {
  public_url: publicUrl,
  oidc_issuer: provider.issuer,
  oidc_client_id: clientId,
  oidc_client_secret_file: 'provider.secret',
  oidc_roles: roles,
}

/** Writes the secret before the server starts. */
const config = (rig: Rig) => {
  rig.file('provider.secret', `${clientSecret}\n`, 0o600)
  return ''
}

/** A browser at the server, which is behind a proxy with TLS. */
const visit = (server: TestServer, path: string, cookie = '') =>
  fetch(`${server.url}${path}`, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } })

const cookiesOf = (response: Response) => response.headers.getSetCookie().map(set => set.split(';')[0]!)

/** Goes to the provider as a person; gives the way back, and the cookie that the browser has to bring. */
async function comeBack(server: TestServer, person: keyof typeof people, cookies?: Map<string, string>) {
  provider.person = person
  const start = await visit(server, '/v1/oidc/start')
  const [cookie = ''] = cookiesOf(start)
  const back = await followTo(start.headers.get('location')!, provider, cookies)
  return { back, cookie, start }
}

async function signIn(
  server: TestServer,
  person: keyof typeof people,
  cookies?: Map<string, string>,
): Promise<Answered | SignedIn> {
  const { back, cookie } = await comeBack(server, person, cookies)
  const response = await visit(server, back.pathname + back.search, cookie)
  const text = await response.text()
  if (response.status !== 200)
    return { status: response.status, headers: response.headers, text, json: undefined }
  const [session = ''] = cookiesOf(response)
  const told = await server.call('GET', '/v1/browser-session', { token: null, headers: { cookie: session } })
  return new SignedIn(server, session, told.json)
}

serverTest(t, 'people sign in by an identity provider', { stores, settings, config }, async (t, server) => {
  await t.test('what goes between the browser, the server and the provider', async t => {
    t.same((await server.call('GET', '/v1/sign-in', { token: null })).json, { oidc: provider.issuer })
    const { back, cookie, start } = await comeBack(server, 'ada')
    t.equal(start.status, 302)
    t.match(
      start.headers.get('set-cookie'),
      /^__Host-runner_oidc_\d+=\S+; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=600$/,
    )
    const asked = new URL(start.headers.get('location')!).searchParams
    t.match(Object.fromEntries(asked), {
      response_type: 'code',
      client_id: clientId,
      code_challenge_method: 'S256',
      scope: 'openid profile email',
      redirect_uri: `${publicUrl}/v1/oidc/callback`,
      state: /./,
      nonce: /./,
      code_challenge: /./,
    })
    t.equal(back.origin + back.pathname, `${publicUrl}/v1/oidc/callback`)
    t.notMatch(cookie, new RegExp(asked.get('state')!), 'the cookie is sealed')

    const page = await visit(server, back.pathname + back.search, cookie)
    t.equal(page.status, 200, 'a page that goes on: a cookie with SameSite=Strict does not follow a redirect')
    t.match(await page.text(), /<meta http-equiv="refresh" content="0; url=\/">/)
    t.match(page.headers.get('content-security-policy'), /^default-src 'none'/)
    t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
    const sets = page.headers.getSetCookie()
    t.match(sets[0], /^__Host-runner_session_\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/)
    t.match(sets[1], /^__Host-runner_oidc_\d+=; .*Max-Age=0$/)

    const again = await visit(server, back.pathname + back.search, cookie)
    t.equal(again.status, 401, 'a way back is good once')
  })

  await t.test('a person has the role of the first line that fits', async t => {
    const ada = (await signIn(server, 'ada')) as SignedIn
    t.match(ada.session, { name: 'ada', role: 'operator', namespaces: ['team-a', 'team-b'], secure: true })
    t.equal((await ada.call('PUT', '/v1/jobs/a?namespace=team-a', { body: { image: 'i' } })).status, 201)
    t.equal((await ada.call('PUT', '/v1/jobs/a?namespace=other', { body: { image: 'i' } })).status, 403)
    const bob = (await signIn(server, 'bob')) as SignedIn
    t.match(bob.session, { name: 'Bob <b>', role: 'viewer', namespaces: null })
    t.match(((await signIn(server, 'root')) as SignedIn).session, { role: 'admin', namespaces: null })
    t.match(((await signIn(server, 'nested')) as SignedIn).session, {
      role: 'submitter',
      namespaces: ['default'],
    })
    const eve = (await signIn(server, 'eve')) as Answered
    t.equal(eve.status, 403, 'an address that nobody has verified is nobody')
    t.match(eve.text, /^<!doctype html>.*eve has no role here/s)
  })

  await t.test(
    'a person is the same at each sign-in, and the audit log names person and session',
    async t => {
      const [one, other] = [await signIn(server, 'nested'), await signIn(server, 'nested')] as SignedIn[]
      const ids = await Promise.all(
        [one!, other!].map(async who => (await who.call('GET', '/v1/whoami')).json.id),
      )
      t.match(ids[0], /^[0-9a-f-]{36}$/)
      t.equal(ids[0], ids[1])
      await server.call('PUT', '/v1/jobs/mine', { body: { image: 'i', runner_group: 'nobody' } })
      const run = await one!.call('POST', '/v1/jobs/mine/run')
      t.equal(
        (await other!.call('GET', `/v1/executions/${run.json.id}`)).status,
        200,
        'and sees its executions',
      )
      const { items } = (await server.call('GET', `/v1/audit?token=${ids[0]}`)).json
      t.match(items[0], {
        call: 'runJob',
        token_name: 'nested',
        token_kind: 'submitter',
        browser_session: /./,
      })
      t.match(items.at(-1), {
        call: 'finishOidc',
        token_name: 'nested',
        browser_session: /./,
        after: { issuer: provider.issuer, subject: 'nested', role: 'submitter' },
      })
      t.equal((await one!.call('DELETE', '/v1/browser-session')).status, 200)
      t.equal((await one!.call('GET', '/v1/jobs')).status, 401)
      t.equal((await other!.call('POST', '/v1/browser-codes')).status, 403)
    },
  )

  await t.test('a person who signs out is signed out at the provider, too', async t => {
    const cookies = new Map<string, string>()
    const ada = (await signIn(server, 'ada', cookies)) as SignedIn
    const same = (await signIn(server, 'bob', cookies)) as SignedIn
    t.equal(same.session.name, 'ada', 'the provider knows this browser still')
    const { end_session_url } = (await same.call('DELETE', '/v1/browser-session')).json
    t.match(
      end_session_url,
      new RegExp(`^${provider.issuer}/session/end\\?id_token_hint=.+&client_id=${clientId}$`),
    )
    t.equal(await signOutAt(end_session_url, cookies), '200 /session/end/success')
    t.equal(((await signIn(server, 'bob', cookies)) as SignedIn).session.name, 'Bob <b>')
    t.equal((await ada.call('GET', '/v1/jobs')).status, 200, 'another browser session is another one')
  })

  await t.test('an open call of a person ends when the person signs out', async t => {
    const who = (await signIn(server, 'bob')) as SignedIn
    const { id } = await server.submit()
    const path = `/v1/executions/${id}/log?follow=true`
    const log = await server.events(path, { token: null, headers: who.headers })
    await who.call('DELETE', '/v1/browser-session')
    await log.rest()
    t.pass('it has ended')
  })

  await t.test(
    'who does not come from the provider, or with the cookie of another browser, is refused',
    async t => {
      const { back, cookie } = await comeBack(server, 'root')
      const other = await comeBack(server, 'root')
      const at = (change: (params: URLSearchParams) => void) => {
        const url = new URL(back)
        change(url.searchParams)
        return url.pathname + url.search
      }
      const tries: [string, string, string][] = [
        ['no cookie', at(() => {}), ''],
        ['the cookie of another browser', at(() => {}), other.cookie],
        ['a cookie of nobody', at(() => {}), `${cookie.split('=')[0]}=AAAA`],
        ['another state', at(params => params.set('state', 'x')), cookie],
        ['no state', at(params => params.delete('state')), cookie],
        ['another code', at(params => params.set('code', 'x')), cookie],
        ['no code', at(params => params.delete('code')), cookie],
        ['another issuer', at(params => params.set('iss', 'http://127.0.0.1:1')), cookie],
        ['twice a state', at(params => params.append('state', 'x')), cookie],
      ]
      for (const [what, path, sent] of tries) {
        const answer = await visit(server, path, sent)
        t.match(await answer.text(), /^<!doctype html>.*Not signed in/s, what)
        t.ok([400, 401].includes(answer.status), `${what} ${answer.status}`)
        t.same(answer.headers.getSetCookie(), [], what)
      }
      provider.agrees = false
      const refused = (await signIn(server, 'root')) as Answered
      provider.agrees = true
      t.equal(refused.status, 401)
      t.match(refused.text, /the person &#60;b&#62;said&#60;\/b&#62; no/)
    },
  )
})

serverTest(
  t,
  'a provider that is away is named, and only who wants to sign in by it notices',
  { settings: { ...settings, oidc_issuer: 'http://127.0.0.1:1' }, config },
  async (t, server) => {
    const answer = await visit(server, '/v1/oidc/start')
    t.equal(answer.status, 503)
    t.match(await answer.text(), /the identity provider http:\/\/127.0.0.1:1 cannot be used/)
    t.equal((await server.call('GET', '/v1/jobs')).status, 200)
  },
)

// A machine that does much else takes long to start servers.
t.setTimeout(1_800_000)
