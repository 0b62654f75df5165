import fc from 'fast-check'
import t from 'tap'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { executionViews } from '../../../src/server/views/execution-view.ts'
import type { ExecutionRow } from '../../../src/store/rows.ts'
import { connected, registered, uuid } from '../../support/runners.ts'
import { change, sent, view } from '../../support/sent.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a queued execution says what it waits for', async (t, rig) => {
  const waits = async (id: string) => (await view(rig, id)).waiting_because
  const id = await sent(rig)
  t.equal(await waits(id), 'group default has no node')
  await registered(rig)
  t.equal(await waits(id), 'no node of group default can take it: 1 not connected')
  await connected(rig, { name: 'one' })
  t.equal(await waits(id), 'a node is about to take it')
  const second = await sent(rig, { priority: -1 })
  t.equal(await waits(second), '1 other goes first')
  const special = await sent(rig, { capabilities: ['gpu', 'remote'] })
  t.equal(
    await waits(special),
    'no node of group default can take it: 1 without capability gpu; 1 other goes first',
  )
  const set = (to: Parameters<typeof patchRunner>[3]) =>
    rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), to))
  await set({ taints: ['t'] })
  t.equal(await waits(id), 'no node of group default can take it: 1 tainted')
  await set({ taints: [], capacity: 0 })
  await connected(rig, { uuid: uuid(2) })
  await rig.write(tx => patchRunner(tx, rig.ctx, uuid(2), { enabled: false }))
  t.equal(await waits(id), 'no node of group default can take it: 1 full, 1 disabled')
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  t.equal(await waits(id), 'the leader of group default, one, is full')
  await set({ taints: ['t'] })
  t.equal(await waits(id), 'group default has no leader: 1 tainted, 1 disabled')
  await change(rig, id, { state: 'running' })
  t.equal(await waits(id), null)
  const rows = await rig.read(tx => tx.listExecutions({}, { limit: 10 }))
  const views = await rig.read(tx => executionViews(tx, rig.ctx, rows))
  t.same(
    views.map(seen => seen.id),
    rows.map(row => row.id),
  )
})

onEachStore(
  t,
  'those that go before one in the queues of its group are counted, up to a limit',
  async (t, rig) => {
    const bodies = fc.record({
      runner_group: fc.constantFrom('a', 'a-b', 'a.b', 'b'),
      capabilities: fc.subarray(['gpu', 'remote', 'x']),
      priority: fc.integer({ min: -2, max: 2 }),
    })
    const bodiesSent = fc.sample(fc.array(bodies, { minLength: 40, maxLength: 40 }), {
      numRuns: 1,
      seed: 7,
    })[0]!
    const rows: ExecutionRow[] = []
    for (const body of bodiesSent) {
      const id = await sent(rig, body)
      rows.push((await rig.read(tx => tx.execution(id)))!)
    }
    for (const [at, row] of rows.entries()) {
      const before = rows.filter(
        (other, place) =>
          other.runner_group === row.runner_group &&
          (other.priority > row.priority || (other.priority === row.priority && place < at)),
      ).length
      t.equal(await rig.read(tx => tx.countBefore(row, 1000)), before)
      t.equal(await rig.read(tx => tx.countBefore(row, 2)), Math.min(2, before))
    }
  },
)
