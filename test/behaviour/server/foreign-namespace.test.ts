/*
 * Tokens of one namespace try to reach another one. Existing things are refused in the same words as things
 * that do not exist.
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { type Answered, serverTest, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const settings = { lease_seconds: 60, confirm_within_seconds: 60 }
const roles = ['operator', 'submitter', 'viewer'] as const

const tokenOf = async (server: TestServer, kind: string, namespace: string): Promise<string> =>
  (
    await server.call('POST', '/v1/tokens', {
      body: { kind, name: `${kind}-${namespace}`, namespaces: [namespace] },
    })
  ).json.token

/** An answer without what differs from call to call. */
const said = ({ status, json, text }: Answered) => ({
  status,
  said: json === undefined ? text : { ...json, instance: undefined },
})

serverTest(
  t,
  'tokens of one namespace learn nothing of another one and change nothing in it',
  { settings, stores },
  async (t, server) => {
    const runner = await server.runner()
    const job = { image: 'i', concurrency: 'forbid', secret_env: { PW: 'hush-hush' } }
    for (const namespace of ['a', 'b'])
      t.equal((await server.call('PUT', `/v1/jobs/same?namespace=${namespace}`, { body: job })).status, 201)
    const theirs = (await server.call('POST', '/v1/jobs/same/run?namespace=b')).json
    const begun = await runner.begin()
    await runner.log(begun, 0, 'of b')
    const before = await server.execution(theirs.id)
    const unknown = randomUUID()

    for (const role of roles) {
      const token = await tokenOf(server, role, 'a')
      const call = (method: string, path: string, body?: unknown) =>
        server.call(method, path, { token, ...(body === undefined ? {} : { body }) })
      for (const [method, rest] of [
        ['GET', ''],
        ['GET', '/log'],
        ['GET', '/log?follow=true'],
        ['POST', '/abort'],
        ['POST', '/rerun'],
      ] as const)
        t.same(
          said(await call(method, `/v1/executions/${theirs.id}${rest}`)),
          said(await call(method, `/v1/executions/${unknown}${rest}`)),
          `${role} ${method} ${rest}`,
        )
      for (const query of [
        '',
        `id_prefix=${theirs.id.slice(0, 8)}`,
        `id_prefix=${theirs.id}`,
        `group=${theirs.group}`,
        `runner_id=${runner.id}`,
        'job_name=same',
        'since=2000-01-01T00:00:00Z&until=2999-01-01T00:00:00Z',
        'state=running',
        `after=${theirs.id}`,
      ])
        t.same(
          (await call('GET', `/v1/executions?${query}`)).json,
          { items: [], next: null },
          `${role} ${query}`,
        )
      t.same((await call('GET', '/v1/busy')).json, [], role)
      for (const path of ['/v1/executions', '/v1/busy', '/v1/jobs', '/v1/jobs/same', '/v1/jobs/none']) {
        const answer = await call('GET', `${path}?namespace=b`)
        t.equal(answer.status, 403, `${role} ${path}`)
      }
      t.notMatch((await call('GET', '/v1/jobs')).text, '"namespace":"b"')
    }

    // The same name, in its own namespace: it runs there although it runs in the other one, too.
    const token = await tokenOf(server, 'submitter', 'a')
    const headers = { 'idempotency-key': 'k' }
    const own = await server.call('POST', '/v1/jobs/same/run', { token, headers })
    t.match(own, { status: 201, json: { namespace: 'a', state: 'queued' } })
    const other = await server.call('POST', '/v1/jobs/same/run', {
      token: await tokenOf(server, 'submitter', 'b'),
      headers,
    })
    t.match(other, { status: 409 }, 'the key is of its token: the job of b runs')
    // A page begins at what may be seen.
    const viewer = await tokenOf(server, 'viewer', 'b')
    const page = (after: string) => server.call('GET', `/v1/executions?after=${after}`, { token: viewer })
    t.same((await page(own.json.id)).json, (await page(unknown)).json)

    const operator = await tokenOf(server, 'operator', 'a')
    const backup = JSON.stringify([
      { name: 'mine', namespace: 'a', image: 'i' },
      { name: 'same', namespace: 'b', image: 'evil' },
    ])
    const form = new FormData()
    form.set('file', new Blob([backup]), 'backup.json')
    for (const body of [form, backup]) {
      const type = body === form ? {} : { 'content-type': 'application/json' }
      const restored = await server.call('POST', '/v1/restore', { token: operator, body, headers: type })
      t.match(restored, { status: 403, json: { detail: /^entry 1 \(same\): / } })
    }
    t.equal((await server.call('GET', '/v1/jobs/mine?namespace=a')).status, 404, 'all of it or nothing')
    t.equal((await server.call('GET', '/v1/jobs/same?namespace=b')).json.image, 'i')
    t.same(await server.execution(theirs.id), before)
  },
)

serverTest(
  t,
  'a sealed secret that a viewer of one namespace sees is of no use in another one',
  { settings },
  async (t, server) => {
    const runner = await server.runner()
    const put = { body: { image: 'i', secret_env: { PW: 'hush-hush' } } }
    t.equal((await server.call('PUT', '/v1/jobs/j?namespace=b', put)).status, 201)
    const viewer = await tokenOf(server, 'viewer', 'b')
    const shown = (await server.call('GET', '/v1/jobs/j', { token: viewer })).json
    const { secret_env } = shown
    const token = await tokenOf(server, 'operator', 'a')
    const input = {
      task: { type: 'a.B', properties: [{ name: 'p', password: true, value: secret_env.PW }] },
    }
    for (const [method, path, body] of [
      ['PUT', '/v1/jobs/thief', { image: 'i', secret_env }],
      ['POST', '/v1/jobs', { name: 'thief', image: 'i', secret_env }],
      ['POST', '/v1/executions', { image: 'i', secret_env }],
      ['POST', '/v1/executions', { image: 'i', input }],
      ['POST', '/v1/scripts', { image: 'i', command: ['x'], input, runner_id: runner.id }],
      ['POST', '/v1/restore', [{ ...shown, namespace: 'a' }]],
    ] as const) {
      const answer = await server.call(method, path, { token, body })
      t.match(
        answer,
        { status: 422, json: { detail: /sealed in another namespace; give it in clear$/ } },
        path,
      )
    }
    t.same((await server.call('GET', '/v1/jobs?namespace=a')).json, [])
    t.same((await server.call('GET', '/v1/executions')).json.items, [])
    const again = await server.call('POST', '/v1/restore', { body: [shown] })
    t.equal(again.status, 200, 'it opens where it is of')
  },
)
