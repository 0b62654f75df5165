import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { StoreEngine } from '../../../src/store/engine.ts'
import { SqlStore } from '../../../src/store/sql/sql-store.ts'
import { WatchedTime } from '../../../src/store/watched-time.ts'

t.test('a store that cannot be closed is given back all the same', async t => {
  const unused = () => {
    throw new Error('not used')
  }
  const engine: StoreEngine = {
    name: 'sqlite',
    lineage: undefined,
    begin: unused,
    snapshot: unused,
    logs: { append: unused, flush: unused, read: unused, remove: unused, committed: unused },
    close: async () => {
      throw new Error('the disk has gone')
    },
  }
  const watch = new WatchedTime(() => 0, { now: 0, watched: 0, jumps: [], longest: 0 })
  let released = 0
  const store = new SqlStore(engine, systemClock, watch, () => released++)
  await t.rejects(store[Symbol.asyncDispose](), { message: 'the disk has gone' })
  t.equal(released, 1)
})
