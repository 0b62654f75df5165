import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { type Answered, serverTest, TestRunner, type TestServer } from '../../support/server.ts'

const make = async (server: TestServer, body: Record<string, unknown>) =>
  (await server.call('POST', '/v1/tokens', { body })).json as {
    id: string
    token: string
    expires_at: string
  }

function isProblem(
  t: Tap,
  answer: Answered,
  status: number,
  reason: Parameters<typeof problemType>[0],
): void {
  t.equal(answer.status, status)
  t.match(answer.headers.get('content-type'), 'application/problem+json')
  t.match(answer.json, { type: problemType(reason), status, instance: /.+/ })
}
type Tap = Parameters<Parameters<typeof serverTest>[3]>[0]

serverTest(t, 'without a token, or with one that is none, nothing is told', {}, async (t, server) => {
  const none = await server.call('GET', '/v1/jobs', { token: null })
  isProblem(t, none, 401, 'bad-token')
  t.equal(none.headers.get('www-authenticate'), 'Bearer')
  isProblem(t, await server.call('GET', '/v1/jobs', { token: 'rnr_admin_x' }), 401, 'bad-token')
  const basic = { authorization: 'Basic eDp5' }
  isProblem(t, await server.call('GET', '/v1/jobs', { token: null, headers: basic }), 401, 'bad-token')
  for (const path of ['/health', '/openapi.json'])
    t.equal((await server.call('GET', path, { token: null })).status, 200, path)
  isProblem(t, await server.call('GET', '/metrics', { token: null }), 401, 'bad-token')
})

serverTest(t, 'each kind of token does what it is for', {}, async (t, server) => {
  const { token } = await make(server, { kind: 'viewer', name: 'dashboard' })
  t.equal((await server.call('GET', '/v1/jobs', { token })).status, 200)
  t.match(
    (await server.call('GET', '/metrics', { token })).text,
    /^runner_server_executions\{state="queued"\} 0$/m,
  )
  const refused = await server.call('PUT', '/v1/jobs/a', { token, body: { image: 'i' } })
  isProblem(t, refused, 403, 'wrong-token-kind')
  isProblem(t, await server.call('GET', '/v1/tokens', { token }), 403, 'wrong-token-kind')
  const registration = server.token('registration')
  isProblem(t, await server.call('GET', '/v1/jobs', { token: registration }), 403, 'wrong-token-kind')
  const listed = (await server.call('GET', '/v1/tokens')).json.items
  t.same(listed.map((item: { kind: string }) => item.kind).toSorted(), ['admin', 'registration', 'viewer'])
  t.notMatch(JSON.stringify(listed), token)
})

serverTest(t, 'an expired token says so, and when', {}, async (t, server) => {
  const { token, expires_at } = await make(server, { kind: 'viewer', name: 'short', expires_in_seconds: 1 })
  let answer = await server.call('GET', '/v1/busy', { token })
  while (answer.status === 200) answer = await server.call('GET', '/v1/busy', { token })
  isProblem(t, answer, 401, 'bad-token')
  t.match(answer.json.detail, `expired at ${expires_at}`)
})

serverTest(t, 'who follows a log with a token that expires follows it no more', {}, async (t, server) => {
  const { id } = await server.submit()
  const { token } = await make(server, { kind: 'viewer', name: 'short', expires_in_seconds: 2 })
  const path = `/v1/executions/${id}/log?follow=true`
  const lasting = await server.events(path)
  t.same(await (await server.events(path, { token })).rest(), [])
  await server.call('POST', `/v1/executions/${id}/abort`)
  t.match(await lasting.next('end'), { data: { state: 'aborted' } })
})

serverTest(t, 'a revoked token ends, and what is open with it', {}, async (t, server) => {
  const { id, token } = await make(server, { kind: 'viewer', name: 'tail' })
  const { id: execution } = await server.submit()
  const follow = await server.events(`/v1/executions/${execution}/log?follow=true`, { token })
  t.equal((await server.call('DELETE', `/v1/tokens/${id}`)).status, 204)
  isProblem(t, await server.call('GET', '/v1/jobs', { token }), 401, 'bad-token')
  t.same(await follow.rest(), [])
  isProblem(t, await server.call('DELETE', `/v1/tokens/${id}`), 404, 'not-found')
})

serverTest(t, 'a thousand registrations with bad tokens lock nobody else out', {}, async (t, server) => {
  const statuses = new Map<number, number>()
  let wait: string | null = null
  const attack = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const token = `rnr_registration_${'x'.repeat(30)}${n % 100}`
      const answer = await server.call('POST', '/v1/runners/register', { token, body: TestRunner.message() })
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      wait ??= answer.headers.get('retry-after')
    }
  }
  await Promise.all([attack(250), attack(250), attack(250), attack(250)])
  t.same([...statuses.keys()].toSorted(), [401, 429])
  t.ok(statuses.get(429)! > 800, 'most are told to wait')
  t.ok(Number(wait) > 0)
  const runner = await server.runner()
  t.equal((await runner.heartbeat()).status, 200)
})

serverTest(t, 'what administrators do is written down, with no secret', {}, async (t, server) => {
  await server.call('PUT', '/v1/jobs/a?pretty', { body: { image: 'i', secret_env: { A: 'hush-hush' } } })
  await server.call('POST', '/v1/jobs/none/run')
  await server.runner()
  await server.call('POST', '/v1/runners/register', { body: {} })
  const kept = server.token('admin')
  await server.stop()
  const lines = server.rig.lines('state/server/audit.jsonl').map(line => JSON.parse(line))
  t.match(lines, [
    { call: 'putJob', method: 'PUT', path: '/v1/jobs/a', status: 201, address: '127.0.0.1' },
    { call: 'runJob', status: 404 },
    { call: 'register', status: 403 },
  ])
  t.equal(lines.length, 3)
  t.notMatch(JSON.stringify(lines), /hush-hush/)
  t.notMatch(server.run.text, kept)
})
