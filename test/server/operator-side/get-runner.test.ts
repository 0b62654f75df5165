import t from 'tap'
import type { RunnerPatch } from '../../../src/protocol/messages/runners.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { uuid } from '../../support/runners.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const patch = (rig: ServerRig, set: RunnerPatch, id = uuid(1)) =>
  rig.write(tx => patchRunner(tx, rig.ctx, id, set))

onEachStore(t, 'a runner that nobody knows is not found', async (t, rig) => {
  for (const answer of [
    await patch(rig, { capacity: 1 }),
    await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1))),
    await rig.read(tx => getRunner(tx, rig.ctx, uuid(1))),
  ])
    t.match(answer, { failure: { reason: 'not-found' } })
})
