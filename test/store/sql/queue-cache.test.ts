import t from 'tap'
import { queueOf } from '../../../src/store/queue.ts'
import type { ExecutionRow } from '../../../src/store/rows.ts'
import { QueueCache } from '../../../src/store/sql/queue-cache.ts'
import { execution } from '../../support/rows.ts'

const none: ReadonlySet<string> = new Set()
const inGroup = (runner_group: string) => execution({ runner_group })
const taken = (row: ExecutionRow): ExecutionRow => ({ ...row, state: 'reserved', runner_id: 'r' })

t.test(
  'a queue whose known rows are gone is not said to have more, whatever is learnt of others',
  async t => {
    const queues = new QueueCache()
    const row = inGroup('drained')
    const others = Array.from({ length: 100 }, (_, index) => inGroup(`g${index}`))
    queues.learnNames([row, ...others].map(queueOf))
    queues.learn(queueOf(row), [row], false)
    queues.put(taken(row), row)
    for (const other of others) queues.learn(queueOf(other), [other], true)
    t.equal(queues.names(none), undefined)
    t.equal(queues.heads(queueOf(row), 1, none), undefined)
  },
)

t.test('what is read ahead of many queues is still known when it is asked for', async t => {
  const queues = new QueueCache()
  const names = Array.from({ length: 300 }, (_, index) => queueOf(inGroup(`g${index}`)))
  queues.learnNames(names)
  for (let round = 0; round < names.length; round++) {
    const { queues: some, count } = queues.unread(8)
    for (const name of some)
      queues.learn(
        name,
        Array.from({ length: count }, () => inGroup(name.trim())),
        false,
      )
    queues.trim()
  }
  t.same(queues.unread(8).queues, [])
  t.same(queues.names(none), names.toSorted())
})

t.test('what was not used lately is forgotten', async t => {
  const queues = new QueueCache()
  const names = ['a ', 'b ', 'c ']
  queues.learnNames(names)
  for (const name of names)
    queues.learn(
      name,
      Array.from({ length: 9000 }, () => inGroup(name.trim())),
      true,
    )
  queues.heads('a ', 1, none)
  queues.trim()
  t.same(
    names.map(name => queues.heads(name, 1, none)?.length),
    [1, undefined, 1],
  )
  t.same(queues.names(none), names)
})
