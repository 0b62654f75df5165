import t from 'tap'
import { defined } from '../src/result.ts'

t.test('defined keeps every value but undefined, in the same order', async t => {
  const values = { a: 0, b: undefined, c: null, d: '', e: false }
  t.same(Object.entries(defined(values)), [
    ['a', 0],
    ['c', null],
    ['d', ''],
    ['e', false],
  ])
  t.equal('b' in values, true, 'the object itself stays as it is')
})
