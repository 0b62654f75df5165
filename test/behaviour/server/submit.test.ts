import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { serverTest } from '../../support/server.ts'

serverTest(t, 'a key makes one execution, and forbid one at a time', {}, async (t, server) => {
  const run = (key: string, body?: object) =>
    server.call('POST', '/v1/executions', {
      body: { image: 'i', ...body },
      headers: { 'idempotency-key': key },
    })
  const first = await run('k')
  t.equal(first.status, 201)
  t.equal((await run('k')).json.id, first.json.id)
  t.match(await run('k', { image: 'j' }), { status: 422, json: { type: problemType('key-reused') } })
  t.equal((await run('x'.repeat(256))).status, 400)
  await server.call('PUT', '/v1/jobs/once', { body: { image: 'i', concurrency: 'forbid' } })
  const once = await server.call('POST', '/v1/jobs/once/run')
  t.equal(once.status, 201)
  const again = await server.call('POST', '/v1/jobs/once/run')
  t.match(again, { status: 409, json: { type: problemType('already-running') } })
  t.equal((await server.call('POST', `/v1/executions/${once.json.id}/rerun`)).status, 409)
  t.match(await server.call('POST', `/v1/executions/${once.json.id}/abort`), {
    json: { state: 'aborted', success: false },
  })
  t.equal((await server.call('POST', `/v1/executions/${once.json.id}/rerun`)).status, 201)
  t.equal((await server.call('POST', '/v1/jobs/none/run')).status, 404)
  const page = await server.call('GET', '/v1/executions?limit=2')
  t.equal(page.json.items.length, 2)
  const rest = await server.call('GET', `/v1/executions?limit=2&after=${page.json.next}`)
  t.match(rest.json, { items: [{ id: first.json.id }], next: null })
})
