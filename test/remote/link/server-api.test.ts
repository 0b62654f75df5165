import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Registration } from '../../../src/protocol/messages/registration.ts'
import { ServerApi } from '../../../src/remote/link/server-api.ts'
import { ok } from '../../../src/result.ts'
import { HostileServer, malformed, type Say } from '../../support/hostile-server.ts'
import { rsaKeys } from '../../support/keys.ts'

const key = rsaKeys('runner')
const message: Registration = {
  uuid: '00000000-0000-4000-8000-000000000001',
  name: 'one',
  version: '1',
  public_key: key.publicKey,
  capabilities: [],
  runner_group: 'default',
  host: { os: 'Debian GNU/Linux', kernel: '6.12' },
}

/** The server's side of one registration, and the result. */
async function registerAt(say: Say, body: Registration) {
  await using server = await HostileServer.start(say)
  await using api = new ServerApi({
    server: new URL(`${server.url}/`),
    transport: {},
    clock: systemClock,
    env: {},
    readTransport: () => ok({}),
    clockReport: () => undefined,
    onClock() {},
    onRefused() {},
    onBack() {},
  })
  const done = await api.register(body, 'rnr_registration_x', key.privateKey, new AbortController().signal)
  return {
    done,
    heard: server.heard.map(({ body }) => body.host),
    bodies: server.heard.map(({ body }) => body),
  }
}

t.test('a registration carries the facts of the host', async t => {
  const { done, heard } = await registerAt(() => undefined, message)
  t.match(done, { ok: true, value: { signed: { session: 1 } } })
  t.same(heard, [message.host])
})

t.test('a server of release 0.1.0, which refuses them, is asked again without', async t => {
  const old: Say = ({ body }) =>
    body.host === undefined ? undefined : malformed('the body has an unknown field "host"')
  const { done, heard } = await registerAt(old, message)
  t.match(done, { ok: true, value: { signed: { session: 1 } } })
  t.same(heard, [message.host, undefined])
})

t.test('another refusal is one, and a registration without facts is not sent twice', async t => {
  const other = await registerAt(() => malformed('public_key must be an RSA key'), message)
  t.match(other, { done: { ok: false, failure: { reason: 'malformed', meaning: 'refused' } } })
  t.equal(other.heard.length, 1)
  const { host: _, ...bare } = message
  const twice = await registerAt(() => malformed('the body has an unknown field "host"'), bare)
  t.equal(twice.heard.length, 1)
})

t.test('an older server may refuse one new field after the other, or all that it does not know', async t => {
  const more: Registration = { ...message, features: ['confirm'] }
  const oneByOne: Say = ({ body }) => {
    const field = ['features', 'host'].find(name => name in body)
    return field === undefined ? undefined : malformed(`the body has an unknown field "${field}"`)
  }
  const { done, bodies } = await registerAt(oneByOne, more)
  t.match(done, { ok: true })
  t.same(bodies, [more, message, (({ host: _, ...bare }) => bare)(message)])
  const both = await registerAt(
    ({ body }) => ('host' in body ? malformed('the body has unknown fields "host", "features"') : undefined),
    more,
  )
  t.equal(both.bodies.length, 2)
})
