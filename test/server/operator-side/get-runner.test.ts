import t from 'tap'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { patch, uuid } from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a runner that nobody knows is not found', async (t, rig) => {
  for (const answer of [
    await patch(rig, { capacity: 1 }),
    await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1))),
    await rig.read(tx => getRunner(tx, rig.ctx, uuid(1))),
  ])
    t.match(answer, { failure: { reason: 'not-found' } })
})
