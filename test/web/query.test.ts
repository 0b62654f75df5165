import t from 'tap'
import { valuesOf } from '../../src/web/query.ts'

t.test('a query has values for the fields that are asked for', t => {
  const query = { state: 'failed,lost', text: ' a b ', job_name: '', other: 'x', __proto__: 'y' }
  t.strictSame(valuesOf(query, ['state', 'text', 'job_name']), { state: 'failed,lost', text: 'a b' })
  t.strictSame(valuesOf('?after=1&state=', ['after', 'state']), { after: '1' })
  t.strictSame(valuesOf('state=failed&state=&state=lost', ['state']), { state: 'failed,lost' })
  t.end()
})
