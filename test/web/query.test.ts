import t from 'tap'
import { executionQuery, valuesOf } from '../../src/web/query.ts'

t.test('a query has values for the fields that are asked for', t => {
  const query = { state: 'failed,lost', text: ' a b ', job_name: '', other: 'x', __proto__: 'y' }
  t.strictSame(valuesOf(query, ['state', 'text', 'job_name']), { state: 'failed,lost', text: 'a b' })
  t.strictSame(valuesOf('?after=1&state=', ['after', 'state']), { after: '1' })
  t.strictSame(valuesOf('state=failed&state=&state=lost', ['state']), { state: 'failed,lost' })
  t.end()
})

t.test('times of the address are local, those of the call are UTC', t => {
  const at = '2026-11-30T14:03'
  t.equal(executionQuery({ since: at }), `since=${encodeURIComponent(new Date(at).toISOString())}`)
  t.equal(executionQuery({ since: 'yesterday', state: 'lost' }), 'state=lost')
  t.end()
})
