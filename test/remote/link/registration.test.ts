/*
 * The reasons why a runner is not registered, mostly through the real program; no engine is needed for that.
 */
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Registrar, type RegistrarOptions } from '../../../src/remote/link/registration.ts'
import { ok } from '../../../src/result.ts'
import { attachedSettings } from '../../support/answers.ts'
import { Authority, type Certificate } from '../../support/certificates.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { type Component, program } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'
import { TestServer } from '../../support/server.ts'
import { attach, configure } from '../../support/without-engine.ts'

t.setTimeout(360_000)

const test = (title: string, body: (t: Test, rig: Rig) => Promise<unknown>, needs: Component[] = []) =>
  rigTest(t, title, { needs }, body)

test('a token that is wrong is said to be so, and the right one is taken when it is there', async (t, rig) => {
  configure(rig, {})
  const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
  configure(rig, { url: server.url, token_file: 'token' })
  const runner = attach(rig)
  t.match(await runner.event('registration:failed'), {
    message: /token.*the file does not exist.*runner token create/,
  })
  rig.file('token', 'rnr_registration_wrong')
  t.match(
    await runner.event('registration:failed', ({ message }) => /does not know this token/.test(message)),
    {
      reason: 'bad-token',
    },
  )
  rig.file('token', server.token('admin'))
  t.match(await runner.event('registration:failed', ({ reason }) => reason === 'wrong-token-kind'), {
    message: /kind admin was sent.*`runner token create registration NAME --out FILE`.*token_file/,
  })
  rig.file('token', server.token('registration'))
  await runner.event('runner:registered')
  t.equal(await runner.stop(), 0)
  const own = attach(rig)
  rig.file('token', 'rnr_registration_wrong')
  await own.event('runner:registered')
  t.equal(await own.stop(), 0, 'a runner that was registered registers with its own token')
  await server.stop()
})

test('settings that its own token does not change are told, and taken with a token that allows them', async (t, rig) => {
  configure(rig, {})
  const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
  const remote = (more: Record<string, string> = {}) =>
    configure(rig, { url: server.url, token_file: 'token', name: 'web1', ...more })
  const lives = async () => {
    const runner = attach(rig)
    await runner.event('life:changed', ({ to }) => to === 'ready')
    t.equal(await runner.stop(), 0)
    return runner.all('registration:refused')
  }
  const [dev, prod] = await Promise.all(
    ['dev', 'prod'].map(async group => {
      const body = { kind: 'registration', name: group, scope: { runner_groups: [group] } }
      return (await server.call('POST', '/v1/tokens', { body })).json.token as string
    }),
  )
  const seen = async () => (await server.call('GET', '/v1/runners')).json.items
  remote({ runner_group: 'dev' })
  rig.file('token', dev!)
  t.same(await lives(), [])
  remote({ runner_group: 'prod', taints: 'new' })
  const [refused] = await lives()
  t.match(refused, {
    fields: ['runner_group'],
    level: 'warning',
    message:
      /keeps the former runner_group .*`runner token create registration web1 --names web1 --group prod .*--expires-in 1h .*token_file.*; or sets it by `runner node set web1 --group prod`$/,
  })
  t.match(await seen(), [{ name: 'web1', runner_group: 'dev', taints: ['new'] }])
  rig.file('token', prod!)
  t.same(await lives(), [])
  t.match(await seen(), [{ name: 'web1', runner_group: 'prod' }])
  await server.stop()
})

test(
  'certificates that are wrong are said to be so, and the right ones are taken when they are there',
  async (t, rig) => {
    const authority = new Authority(rig.dir)
    authority.issue('server', 'IP:127.0.0.1')
    const client = authority.issue('client', 'DNS:client')
    mkdirSync(rig.path('other'))
    const stranger = new Authority(rig.path('other'))
    const strange = stranger.issue('client', 'DNS:client')
    const put = (names: string, { cert, key }: Certificate) => {
      rig.file(`${names}.crt`, cert)
      rig.file(`${names}.key`, key)
    }
    const tls = 'tls_cert_file = server.crt\ntls_key_file = server.key\nclient_ca_file = ca.crt'
    configure(rig, {}, tls)
    const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
    const token_file = 'state/server/registration.token'
    configure(rig, { url: server.url, token_file, ca_file: 'my-ca.crt' })
    put('my-ca', stranger.ca)
    const bare = attach(rig)
    await bare.event('registration:failed', ({ message }) => /not trusted.*ca_file/.test(message))
    put('my-ca', authority.ca)
    const wanted = /client certificate, give one that it trusts: cert_file/
    await bare.event('registration:failed', ({ message }) => wanted.test(message))
    t.equal(await bare.stop(), 0)

    put('mine', strange)
    const files = { ca_file: 'my-ca.crt', cert_file: 'mine.crt', key_file: 'mine.key' }
    configure(rig, { url: server.url, token_file, ...files })
    const runner = attach(rig)
    await runner.event('registration:failed', ({ message }) => wanted.test(message))
    put('mine', { ...client, cert: Buffer.from('-----BEGIN CERTIFICATE-----\nhalf of it') })
    await runner.event('registration:failed', ({ message }) => /no TLS connection/.test(message))
    put('mine', client)
    await runner.event('runner:registered')
    t.equal(runner.all('registration:failed').length, 2, 'each is told once')
    t.equal(await runner.stop(), 0)
    await server.stop()
  },
  [program('openssl')],
)

test('a clock that is wrong is told', async (t, rig) => {
  const server = createServer((_, response) => {
    response.writeHead(503, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  configure(rig, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token_file: 'token' })
  rig.file('token', 'rnr_registration_x')
  const runner = attach(rig)
  t.match(await runner.event('clock:wrong'), { message: /360[01] s ahead of/ })
  t.match(await runner.event('registration:failed'), { reason: 'gateway-failed' })
  t.equal(await runner.stop(), 0)
  server.close()
})

test('without a server to attach to, it says what to write', async (t, rig) => {
  configure(rig, {})
  const runner = rig.start(['attach'])
  t.equal(await runner.ended, 64)
  t.match(runner.text, /give --server .*, or set url in \[remote\]/)
})

/** A server that gives each token for so many seconds, and how long a runner has waited between two registrations. */
async function waitsBetween(t: Test, lifetime: number, due: boolean): Promise<number[]> {
  const clock = new ManualClock()
  const at: number[] = []
  const api: RegistrarOptions['api'] = {
    server: new URL('http://127.0.0.1:1/'),
    signed: undefined,
    async register() {
      at.push(clock.monotonic())
      const renewAt = clock.monotonic() + lifetime
      const session = { runner_id: 'r', session: at.length, token: 't', data_key: Buffer.alloc(32) }
      const signed = { ...session, renewAt, features: [] }
      Object.assign(api, { signed })
      return ok({ signed, settings: attachedSettings, refused: [] })
    },
  }
  const registrar = new Registrar({
    api,
    message: { uuid: 'r', name: 'one', version: '1', public_key: '', capabilities: [], runner_group: 'g' },
    privateKey: '',
    stateDir: t.testdir({}),
    registrationToken: () => ok('t'),
    edges: { clock, chance: { random: () => 0, id: () => '' } },
    emit: () => {},
    over: new AbortController().signal,
  })
  for (let session: number | undefined; at.length < 5; session = api.signed?.session) {
    if (due) await clock.pass(api.signed === undefined ? 0 : lifetime)
    const signing = registrar.signIn(session)
    await clock.pass(0)
    while (api.signed?.session === session) await clock.pass(0.5)
    await signing
  }
  return at.slice(1).map((time, n) => time - at[n]!)
}

t.test('a token that is renewed when that is due is renewed at once, however short it lasts', async t => {
  t.same(await waitsBetween(t, 3, true), [3, 3, 3, 3])
  t.same(
    await waitsBetween(t, 3, false),
    [0.5, 1, 2, 4],
    'one that is refused is waited for longer each time',
  )
})
