import t from 'tap'
import { RowCache } from '../../../src/store/sql/row-cache.ts'
import { runner } from '../../support/rows.ts'

t.test('rows that are put again are remembered, and others forgotten first', async t => {
  const rows = new RowCache()
  const put = (id: string) => rows.learn('runners', id, runner({ id }))
  put('often')
  for (let round = 0; round < 3; round++) {
    for (let other = 0; other < 800; other++) put(`${round} ${other}`)
    put('often')
    rows.trim()
  }
  t.ok(rows.get('runners', 'often'))
  t.notOk(rows.get('runners', '0 0'))
})
