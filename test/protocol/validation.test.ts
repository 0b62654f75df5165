import { Ajv } from 'ajv'
import t from 'tap'
import { callNames, specOf } from '../../src/protocol/api.ts'
import { checkOf } from '../../src/protocol/validation.ts'

t.test('each schema of a call is a schema, which no start looks at again', async t => {
  const ajv = new Ajv()
  for (const name of callNames) {
    const { params, query, body } = specOf(name)
    for (const [part, schema] of Object.entries({ params, query, body }))
      if (schema !== undefined) t.ok(ajv.validateSchema(schema), `${part} of ${name}`)
  }
  t.notOk(ajv.validateSchema({ type: 'text' }))
})

t.test('texts become numbers and booleans in a query and a path, and nowhere else', async t => {
  const schema = {
    type: 'object',
    properties: { count: { type: 'integer' }, all: { type: 'boolean', default: false } },
    additionalProperties: false,
  }
  for (const part of ['query', 'path'] as const)
    t.same(checkOf(part, schema)({ count: '3' }), { ok: true, value: { count: 3, all: false } })
  t.same(checkOf('body', schema)({ count: 3 }), { ok: true, value: { count: 3 } })
  t.match(checkOf('body', schema)({ count: '3' }), { failure: 'count in the body must be integer' })
  t.match(checkOf('query', schema)({ other: 1 }), { failure: 'the query has an unknown field "other"' })
})

t.test(
  'a text of the wrong form is told the form, also where its field describes something else',
  async t => {
    const { query } = specOf('listAudit')
    const check = checkOf('query', query!)
    const name = 'letters, digits, dot, underscore and dash; at most 128'
    t.match(check({ namespace: '*' }), { failure: `namespace in the query must be ${name}` })
    t.match(check({ since: 'today' }), { failure: 'since in the query must be RFC 3339' })
  },
)
