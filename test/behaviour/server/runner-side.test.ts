import { randomUUID } from 'node:crypto'
import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { seal, unseal } from '../../../src/protocol/seal.ts'
import { sha256 } from '../../support/messages.ts'
import { serverTest, TestRunner } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

serverTest(t, 'a job goes its whole way', { stores }, async (t, server) => {
  const runner = await server.runner()
  const submitted = await server.submit({ command: ['true'], secret_env: { TOKEN: 'hush-hush' } })
  t.equal(submitted.state, 'queued')

  const reservation = await runner.take()
  t.equal(reservation.execution_id, submitted.id)
  const secrets = unseal(reservation.secret_values!, runner.dataKey)
  t.same(secrets.ok && JSON.parse(secrets.value.toString()).env, { TOKEN: 'hush-hush' })
  t.equal((await server.execution(submitted.id)).state, 'reserved')

  t.equal((await runner.confirm(reservation)).status, 204)
  t.equal((await runner.confirm(reservation)).status, 204, 'twice is fine')
  const text = 'one\ntwo\n'
  t.same((await runner.log(reservation, 0, 'one\n')).json, { length: 4 })
  const twice = await runner.log(reservation, 0, 'one\n')
  t.equal(twice.status, 409)
  t.match(twice.json, { type: problemType('wrong-offset'), length: 4 })
  t.same((await runner.log(reservation, 4, 'two\n')).json, { length: 8 })
  const busy = await server.call('GET', '/v1/busy')
  t.match(busy.json, [{ id: submitted.id, state: 'running', output: text, node_name: 'one' }])

  const beat = await runner.heartbeat({ executions: [submitted.id], free_slots: 3 })
  t.ok(beat.json.leases[submitted.id] > 0)
  const ended = { log_length: 8, log_sha256: sha256(text) }
  t.equal((await runner.result(reservation, ended)).status, 204)
  t.equal((await runner.result(reservation, ended)).status, 204, 'the same again is fine')
  const other = await runner.result(reservation, { ...ended, outcome: 'failed', exit_code: 1 })
  t.equal(other.status, 409)
  t.equal(other.json.type, problemType('already-finished'))
  t.match(await server.execution(submitted.id), {
    state: 'succeeded',
    success: true,
    exit_code: 0,
    output: text,
    log: { length: 8, complete: true, sha256: sha256(text) },
  })
  t.same((await server.call('GET', '/v1/busy')).json, [])
  t.equal((await server.call('GET', `/v1/executions/${submitted.id}/log?offset=4`)).text, 'two\n')
})

serverTest(t, 'a plugin gives its output, sealed', {}, async (t, server) => {
  const runner = await server.runner()
  const properties = [
    { name: 'in', category: 'input', value: 'x' },
    { name: 'shown', category: 'output' },
    { name: 'secret', category: 'output', password: true },
  ]
  const { id } = await server.submit({ input: { task: { type: 'a.B', properties } } })
  const reservation = await runner.begin()
  const input = unseal(reservation.input!, runner.dataKey)
  t.ok(input.ok && JSON.parse(input.value.toString()).task.type === 'a.B')
  const plain = JSON.stringify({ exitCode: 0, outputProperties: { shown: 1, secret: 'hush' } })
  const foreign = await runner.result(reservation, { output: seal(plain, Buffer.alloc(32)) })
  t.equal(foreign.status, 422)
  t.equal(foreign.json.type, problemType('unknown-key'))
  t.equal((await runner.result(reservation, { output: seal(plain, runner.dataKey) })).status, 204)
  t.equal(
    (await runner.result(reservation, { output: seal(plain, runner.dataKey) })).status,
    204,
    'sealed anew, it is the same',
  )
  t.match((await server.execution(id)).output_properties, { shown: 1, secret: '********' })
})

serverTest(t, 'a newer session takes over with its first call, not before', {}, async (t, server) => {
  const uuid = randomUUID()
  const first = await server.runner({ uuid })
  const second = await TestRunner.register(server, { uuid })
  t.equal(second.session, first.session + 1)
  t.equal((await first.heartbeat()).status, 200, 'the old one counts until then')
  const channel = await first.channel()
  const waiting = first.reserve(50)
  t.equal((await second.heartbeat()).status, 200)
  const refused = await first.heartbeat()
  t.equal(refused.status, 409)
  t.equal(refused.json.type, problemType('session-superseded'))
  t.equal((await waiting).status, 409, 'who waits is told')
  t.same(await channel.events.rest(), [], 'its channel ends')
  const wrong = await second.heartbeat()
  t.equal(wrong.status, 200)
  const mixed = await first.call('POST', `/v1/runners/${uuid}/heartbeat`, {
    session: second.session,
    body: {},
  })
  t.equal(mixed.status, 400)
})

serverTest(t, "the runner's own token registers it again, and nobody else", {}, async (t, server) => {
  const runner = await server.runner()
  const register = (token: string, given: Record<string, unknown>) =>
    server.call('POST', '/v1/runners/register', { token, body: TestRunner.message(given) })
  const again = await register(runner.token, { uuid: runner.id })
  t.equal(again.status, 200)
  t.equal(again.json.session, 2)
  const other = await register(runner.token, {})
  t.equal(other.status, 403)
  t.equal(other.json.type, problemType('not-yours'))
  const admin = await register(server.token('admin'), {})
  t.equal(admin.status, 403)
  t.equal(admin.json.type, problemType('wrong-token-kind'))
})

serverTest(t, 'a runner touches only what is its own', {}, async (t, server) => {
  const [one, two] = [await server.runner(), await server.runner({ name: 'two' })]
  const { id } = await server.submit()
  const reservation = await one.begin()
  t.equal((await two.confirm(reservation)).status, 403)
  t.equal((await two.log(reservation, 0, 'x')).status, 403)
  t.equal((await two.result(reservation)).json.type, problemType('not-yours'))
  const beat = await two.call('POST', `/v1/runners/${one.id}/heartbeat`, {
    body: { state: 'ready', executions: [], executors: [], free_slots: 1 },
  })
  t.equal(beat.json.type, problemType('not-yours'))
  const reserve = await two.call('POST', `/v1/runners/${one.id}/reserve`, {
    body: { slots: 1, wait_seconds: 1 },
  })
  t.equal(reserve.json.type, problemType('not-yours'))
  const channel = await two.call('GET', `/v1/runners/${one.id}/commands`)
  t.equal(channel.json.type, problemType('not-yours'))
  t.match(await server.execution(id), { state: 'running', runner_id: one.id, log: { length: 0 } })
  const unknown = await one.call('POST', `/v1/executions/${randomUUID()}/confirm`, {
    body: { lease_id: randomUUID() },
  })
  t.equal(unknown.status, 404)
})

serverTest(
  t,
  'offsets too far, chunks after the end and chunks too large change nothing',
  {},
  async (t, server) => {
    const runner = await server.runner()
    const { id } = await server.submit()
    const reservation = await runner.begin()
    const far = await runner.log(reservation, 5, 'x')
    t.equal(far.status, 409)
    t.equal(far.json.length, 0)
    const large = await runner.log(reservation, 0, Buffer.alloc(1024 * 1024 + 1))
    t.equal(large.status, 413)
    t.equal(large.json.type, problemType('too-large'))
    t.equal((await runner.log(reservation, 0, Buffer.alloc(1024 * 1024, 'a'))).status, 200)
    t.equal(
      (await runner.result(reservation, { log_length: 1024 * 1024 + 2, log_sha256: sha256('?') })).status,
      204,
    )
    t.equal((await runner.log(reservation, 1024 * 1024, 'abc')).status, 409, 'beyond what the result says')
    t.equal((await runner.log(reservation, 1024 * 1024, 'ab')).status, 200, 'what is missing is still taken')
    t.equal((await server.execution(id)).log.length, 1024 * 1024 + 2)
  },
)

serverTest(
  t,
  'what is not confirmed goes back to the queue, and a lease that ends is lost',
  { stores },
  async (t, server) => {
    const [one, two] = [await server.runner(), await server.runner({ name: 'two' })]
    await using _one = one.alive()
    await using _two = two.alive()
    const { id } = await server.submit({ retries: 1 })
    const missed = await one.take()
    await server.call('PATCH', `/v1/runners/${one.id}`, { body: { enabled: false } })
    const again = await two.take(20)
    t.equal(again.execution_id, id)
    t.equal((await one.confirm(missed)).status, 403, "it is another runner's by now")
    t.equal((await two.confirm(again)).status, 204)
    await server.call('PATCH', `/v1/runners/${one.id}`, { body: { enabled: true } })
    // Nobody says anything of it any more, until the next attempt is handed out.
    const next = await one.take(20)
    t.not(next.execution_id, id)
    t.match(await server.execution(id), { state: 'lost', reason: 'lease-ended' })
    t.match(await server.execution(next.execution_id), { attempt: 2, group: id })
    const late = await two.result(again)
    t.equal(late.status, 410)
    t.equal(late.json.type, problemType('superseded'))
  },
)

/** Less than three seconds. */
const brief = { settings: { credentials_days: 0.00003, lease_seconds: 60 } }

serverTest(
  t,
  'an expired token of a runner registers it, and does nothing else',
  brief,
  async (t, server) => {
    const uuid = randomUUID()
    const runner = await server.runner({ uuid, features: ['renew'] })
    const old = await server.runner()
    const waiting = runner.reserve(50)
    const { events } = await runner.channel()
    await events.rest()
    const { id } = await server.submit()
    t.equal((await waiting).status, 401, 'it gets no job that comes later')
    t.match(await server.execution(id), { state: 'queued' })
    t.equal((await runner.heartbeat()).status, 401)
    t.equal((await runner.reserve(0)).status, 401)
    t.equal((await runner.call('GET', '/v1/whoami')).status, 401)
    const again = await server.call('POST', '/v1/runners/register', {
      token: runner.token,
      body: TestRunner.message({ uuid, name: 'one', features: ['renew'] }),
    })
    t.match(again, { status: 200, json: { credentials_seconds: 2.592 } })
    t.equal((await TestRunner.of(server, again.json).heartbeat()).status, 200)
    t.equal((await runner.heartbeat()).status, 401)
    t.equal((await old.heartbeat()).status, 200, 'an older runner could not renew it')
  },
)

serverTest(t, 'a runner names no image for another one but by its digest', { stores }, async (t, server) => {
  const runner = await server.runner()
  const image = 'registry.example/app:1'
  const { id } = await server.submit({ image, retries: 1 })
  const first = await runner.begin()
  const good = `sha256:${'a'.repeat(64)}`
  for (const bad of [
    `evil.example/app@${good}`,
    `registry.example/app@${good}`,
    `${good}@evil.example/app`,
    'sha256:a',
    good.toUpperCase(),
    `${good}\n`,
    'latest',
    '',
    null,
  ]) {
    const beat = await runner.heartbeat({ executions: [id], image_digests: { [id]: bad } })
    t.equal(beat.status, 400, JSON.stringify(bad))
    t.equal((await runner.result(first, { outcome: 'failed', exit_code: 1, image_digest: bad })).status, 400)
  }
  t.match(await server.execution(id), { state: 'running', image_digest: null })
  t.equal((await runner.heartbeat({ executions: [id], image_digests: { [id]: good } })).status, 200)
  t.equal((await runner.result(first, { outcome: 'failed', exit_code: 1 })).status, 204)
  const retry = await (await server.runner({ name: 'two' })).take()
  t.match(retry, { attempt: 2, image, image_digest: good })
  t.match(await server.execution(retry.execution_id), { image, image_digest: good })
})
