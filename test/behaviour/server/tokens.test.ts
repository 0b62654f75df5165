import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
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
  const { id } = await server.submit()
  await (await server.events(`/v1/executions/${id}/log?follow=true`, { token })).rest()
  const answer = await server.call('GET', '/v1/busy', { token })
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

serverTest(t, 'a revoked token hears nothing of the script that it waits for', {}, async (t, server) => {
  const runner = await server.runner()
  const { id, token } = await make(server, { kind: 'operator', name: 'leaver' })
  const { events } = await runner.channel()
  const body = { image: 'i', command: ['date'], runner_id: runner.id, wait_seconds: 50 }
  const waiting = server.call('POST', '/v1/scripts', { token, body })
  await events.next('execute-script')
  t.equal((await server.call('DELETE', `/v1/tokens/${id}`)).status, 204)
  isProblem(t, await waiting, 401, 'bad-token')
  events.close()
})

serverTest(
  t,
  'a call whose token is revoked before its body is there does nothing',
  {},
  async (t, server) => {
    const { port } = new URL(server.url)
    const body = JSON.stringify({ image: 'i' })
    const boundary = 'x'
    const form = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n${JSON.stringify([{ name: 'late', image: 'i' }])}\r\n--${boundary}--\r\n`
    const calls: [string, string, string, string][] = [
      ['PUT', '/v1/jobs/late', 'application/json', body],
      ['POST', '/v1/executions', 'application/json', body],
      ['POST', '/v1/restore', `multipart/form-data; boundary=${boundary}`, form],
    ]
    for (const [method, path, type, text] of calls) {
      const { id, token } = await make(server, { kind: 'operator', name: 'leaver' })
      const sent = request({
        port,
        method,
        path,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': type,
          'content-length': text.length,
          expect: '100-continue',
        },
      })
      const answered = once(sent, 'response')
      sent.flushHeaders()
      await once(sent, 'continue')
      // The server has found the token valid, and waits for the body.
      t.equal((await server.call('DELETE', `/v1/tokens/${id}`)).status, 204)
      sent.end(text)
      const [answer] = (await answered) as [IncomingMessage]
      t.equal(answer.statusCode, 401, path)
      answer.resume()
    }
    t.same((await server.call('GET', '/v1/jobs')).json, [])
    t.same((await server.call('GET', '/v1/executions')).json.items, [])
  },
)

serverTest(t, 'many registrations with bad tokens lock nobody else out', {}, async (t, server) => {
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
  // A minute lets 100 of an address pass.
  const count = 300
  await Promise.all(Array.from({ length: 4 }, () => attack(count / 4)))
  t.same([...statuses.keys()].toSorted(), [401, 429])
  t.ok(statuses.get(429)! >= count - 200, 'most are told to wait')
  t.ok(Number(wait) > 0)
  const runner = await server.runner()
  t.equal((await runner.heartbeat()).status, 200)
})

serverTest(
  t,
  "a revoked administrator's token stays revoked over a restart, until its file is removed",
  {},
  async (t, server) => {
    const { id, token } = await make(server, { kind: 'admin', name: 'another' })
    const [first] = (await server.call('GET', '/v1/tokens')).json.items
    t.equal((await server.call('DELETE', `/v1/tokens/${first.id}`, { token })).status, 204)
    t.equal((await server.call('DELETE', `/v1/tokens/${id}`, { token })).status, 204)
    const before = server.token('admin')
    await server.stop()
    await server.restart()
    await server.run.says('no token of an administrator is valid')
    t.equal(server.token('admin'), before)
    isProblem(t, await server.call('GET', '/v1/jobs'), 401, 'bad-token')
    await server.stop()
    rmSync(server.rig.path('state', 'server', 'admin.token'))
    await server.restart()
    t.not(server.token('admin'), before)
    t.equal((await server.call('GET', '/v1/jobs')).status, 200)
  },
)
