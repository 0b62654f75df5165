import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { serverTest } from '../../support/server.ts'

const form = 'application/x-www-form-urlencoded'

serverTest(t, 'a call without a body takes any content type, and an empty body', {}, async (t, server) => {
  await server.call('PUT', '/v1/jobs/hello', { body: { image: 'i' } })
  const empty: [title: string, body: string | undefined, type: string | undefined][] = [
    ['nothing', undefined, undefined],
    ['JSON without a body', undefined, 'application/json'],
    ['a form without a body', undefined, form],
    ['any other type without a body', undefined, 'application/xml; charset=utf-8'],
    ['an empty body', '', 'application/json'],
    ['an empty form', '', form],
    ['a line end', '\n', 'application/json'],
    ['an empty object', '{}', 'application/json'],
    ['an empty object that is said to be a form', '{}', form],
    ['null', 'null', 'application/json'],
  ]
  for (const [title, body, type] of empty) {
    const asked = {
      ...(body === undefined ? {} : { body }),
      ...(type === undefined ? {} : { headers: { 'content-type': type } }),
    }
    const run = await server.call('POST', '/v1/jobs/hello/run', asked)
    t.equal(run.status, 201, `run: ${title}`)
    const { id } = run.json
    t.equal((await server.call('POST', `/v1/executions/${id}/abort`, asked)).status, 200, `abort: ${title}`)
    t.equal((await server.call('POST', `/v1/executions/${id}/rerun`, asked)).status, 201, `rerun: ${title}`)
  }
  const count = async () => (await server.call('GET', '/v1/executions?limit=1000')).json.items.length
  const before = await count()
  for (const [body, type] of [
    ['{"executor-config":{}}', 'application/json'],
    ['a=b', form],
    ['{', 'application/json'],
    ['"text"', 'application/json'],
    ['7', 'text/plain'],
  ] as const) {
    const answer = await server.call('POST', '/v1/jobs/hello/run', {
      body,
      headers: { 'content-type': type },
    })
    t.match([answer.status, answer.json.type], [400, problemType('malformed')], body)
    t.match(answer.json.detail, 'this call takes no body')
  }
  t.equal(await count(), before)
  const large = await server.call('POST', '/v1/jobs/hello/run', { body: ' '.repeat(70_000) })
  t.match([large.status, large.json.type], [413, problemType('too-large')])
  t.equal(large.json.detail, 'the body has 70000 bytes: more than the 65536 bytes that this call takes')
})

serverTest(t, 'POST /v1/jobs defines the job that the body names, as PUT does', {}, async (t, server) => {
  const post = (body: unknown) => server.call('POST', '/v1/jobs', { body })
  const made = await post({ name: 'hello', image: 'one' })
  t.match([made.status, made.json], [201, { name: 'hello', image: 'one', priority: 0 }])
  const changed = await post({ name: 'hello', image: 'two', priority: 3 })
  t.match([changed.status, changed.json], [200, { name: 'hello', image: 'two', priority: 3 }])
  t.same((await server.call('GET', '/v1/jobs/hello')).json, changed.json)
  const put = await server.call('PUT', '/v1/jobs/hello', { body: changed.json })
  t.same([put.status, put.json], [200, changed.json])
  t.match(await post({ image: 'three' }), { status: 400, json: { detail: /has no field "name"/ } })
  t.match(await post({ name: '../x', image: 'three' }), { status: 400 })
  const viewer = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'v' } })
  const refused = await server.call('POST', '/v1/jobs', {
    body: { name: 'hello', image: 'three' },
    token: viewer.json.token,
  })
  t.equal(refused.status, 403)
  t.match((await server.call('GET', '/v1/jobs')).json, [{ name: 'hello', image: 'two' }])
  const document = (await server.call('GET', '/openapi.json')).json
  t.equal(document.paths['/v1/jobs'].post.operationId, 'postJob')
})
