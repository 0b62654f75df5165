import t from 'tap'
import { outcomeOf } from '../../src/chain/outcome.ts'
import { rigTest } from '../support/rig.ts'

t.test('only 0, 2 and 3 are agreed statuses', async t => {
  const outcomes = Array.from({ length: 256 }, (_, code) => outcomeOf({ kind: 'exited', code }))
  t.same(outcomes.slice(0, 4), ['OK', 'RETRY', 'HALT', 'EXIT'])
  t.same([...new Set(outcomes.slice(4))], ['RETRY'])
})

rigTest(
  t,
  'a chain whose tasks all end with 0 succeeds',
  { tasks: { '1-a.sh': 'echo a', '2-b.sh': 'echo b' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(run.tries, ['1-a.sh', '2-b.sh'])
    t.same(run.outcomes(), ['OK', 'OK'])
    t.match(run.all('run:ended'), [{ reason: 'succeeded', exit_status: 0, tasks_done: 2 }])
  },
)
