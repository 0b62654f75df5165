import t from 'tap'
import { Recent } from '../../../src/server/store/recent.ts'
import { runner } from './rows.ts'

t.test('rows that are put again are remembered, and others forgotten first', async t => {
  const recent = new Recent()
  const put = (id: string) => recent.learn('runners', id, runner({ id }))
  put('often')
  for (let round = 0; round < 3; round++) {
    for (let other = 0; other < 800; other++) put(`${round} ${other}`)
    put('often')
    recent.trim()
  }
  t.ok(recent.get('runners', 'often'))
  t.notOk(recent.get('runners', '0 0'))
})
