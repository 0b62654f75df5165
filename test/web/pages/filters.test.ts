import t from 'tap'
import { asked } from '../../../src/web/pages/filters.ts'

t.test('times of the address are local, those of the call are UTC', t => {
  const at = '2026-11-30T14:03'
  t.equal(asked({ since: at }), `since=${encodeURIComponent(new Date(at).toISOString())}`)
  t.equal(asked({ since: 'yesterday', state: 'lost' }), 'state=lost')
  t.end()
})
