import t from 'tap'
import { columns } from '../../src/report/columns.ts'

t.test('a terminal that is narrow cuts the widest columns, but never the first one', async t => {
  const rows = [
    ['id', 'what', 'why'],
    ['01a22b21-8cf2-754b', 'a long text that says what', 'short'],
  ]
  t.equal(
    columns(rows, Number.POSITIVE_INFINITY),
    `id                  what                        why\n${rows[1]!.join('  ')}\n`,
  )
  t.equal(
    columns(rows, 40),
    `id                  what           why\n01a22b21-8cf2-754b  a long text …  short\n`,
  )
  t.match(columns(rows, 30), '\n01a22b21-8cf2-754b  a long … …\n', 'as far as that goes')
  t.match(columns(rows, 10), 'id                 …\n01a22b21-8cf2-754b …\n')
  t.equal(columns([['only'], ['one that is long']], 5), 'only\none that is long\n')
})
