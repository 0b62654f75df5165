import t from 'tap'
import { asked, filtersOf, statesIn } from '../../../src/web/pages/filters.ts'

t.test('the address keeps the filters that the API knows', t => {
  const query = { state: 'failed,lost', text: ' a b ', job_name: '', other: 'x', __proto__: 'y' }
  t.strictSame(filtersOf(query), { state: 'failed,lost', text: 'a b' })
  t.strictSame(filtersOf('?after=1&state='), { after: '1' })
  t.strictSame(statesIn({ state: 'failed,lost' }), ['failed', 'lost'])
  t.end()
})

t.test('times of the address are local, those of the call are UTC', t => {
  const at = '2026-11-30T14:03'
  t.equal(asked({ since: at }), `since=${encodeURIComponent(new Date(at).toISOString())}`)
  t.equal(asked({ since: 'yesterday', state: 'lost' }), 'state=lost')
  t.end()
})
