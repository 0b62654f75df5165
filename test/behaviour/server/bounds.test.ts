import t from 'tap'
import { seal } from '../../../src/protocol/seal.ts'
import { serverTest } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const json = { 'content-type': 'application/json' }
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const names = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',')}}`

serverTest(t, 'a body with too much in it is refused before it is parsed', {}, async (t, server) => {
  const form = new FormData()
  form.set('file', new Blob([nested(3_000_000)]), 'backup.json')
  for (const [title, body, path, headers] of [
    ['nested arrays', nested(3_000_000), '/v1/executions', json],
    ['arrays in a place for any value', property(nested(3_000_000)), '/v1/executions', json],
    ['many names', names(600_000), '/v1/executions', json],
    ['many names in a place for any value', property(names(600_000)), '/v1/executions', json],
    ['many names in the environment', `{"image":"i","env":${names(600_000)}}`, '/v1/executions', json],
    [
      'many objects',
      `{"image":"i","input":{"task":{"type":"a.B","properties":[${'{},'.repeat(600_000)}{}]}}}`,
      '/v1/executions',
      json,
    ],
    ['a backup', nested(3_000_000), '/v1/restore', json],
    ['a backup in a form', form, '/v1/restore', {}],
  ] as const) {
    const answer = await server.call('POST', path, { body, headers })
    t.match([answer.status, answer.json.type], [413, 'urn:runner:problem:too-large'], title)
    t.match(answer.json.detail, /^the (body|file) has more than \d+ (levels|values)$/, title)
  }
  t.equal(
    (await server.call('POST', '/v1/executions', { body: property(nested(90)), headers: json })).status,
    201,
  )
})

const property = (value: string) =>
  `{"image":"i","input":{"task":{"type":"a.B","properties":[{"name":"x","value":${value}}]}}}`

serverTest(t, 'an output that nobody could show is a failure that says so', { stores }, async (t, server) => {
  const runner = await server.runner()
  const { id } = await server.submit({ input: { task: { type: 'a.B', properties: [] } } })
  const reservation = await runner.begin()
  const output = seal(`{"exitCode":0,"outputProperties":{"deep":${nested(3000)}}}`, runner.dataKey)
  for (let count = 0; count < 2; count++) t.equal((await runner.result(reservation, { output })).status, 204)
  t.match(await server.execution(id), {
    state: 'failed',
    success: false,
    reason: 'output-invalid',
    output_properties: null,
    error_message: 'its output has more than 100 levels, so that the server has not kept it',
  })
  t.equal((await server.call('GET', '/v1/executions')).status, 200)
})
