import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { LogChanges, Query } from '../../../src/store/engine.ts'
import { Segments, segmentSize } from '../../../src/store/sqlite/log-segments.ts'

t.test('segments of which the drop was not kept are dropped again, others once', async t => {
  const id = randomUUID()
  const segments = new Segments(t.testdir({}), () => [])
  const changes: LogChanges = { writes: [], drops: [{ id, from: 0, to: segmentSize }], syncs: new Set() }
  const inserted: unknown[][] = []
  const query: Query = async (_, ...params) => {
    inserted.push(params)
    return []
  }
  await segments.flush(query, changes)
  // The batch has failed: nobody has said that it is committed.
  await segments.flush(query, changes)
  segments.committed()
  await segments.flush(query, changes)
  t.same(inserted, [
    [id, 0, segmentSize],
    [id, 0, segmentSize],
  ])
  await segments.close()
})
