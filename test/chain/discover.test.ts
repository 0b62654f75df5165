import t from 'tap'
import { discover } from '../../src/chain/discover.ts'

t.test('tasks are ordered by the bytes of their names', async t => {
  const ordered = ['10-x', '2-y', 'A', 'Z', 'b', 'ä', '\u{ff5e}', '\u{1f600}']
  const directory = t.testdir(Object.fromEntries(ordered.toReversed().map(name => [name, ''])))
  const { tasks } = discover(directory, `${directory}/none`)
  t.same(
    tasks.map(task => task.file),
    ordered,
  )
})
