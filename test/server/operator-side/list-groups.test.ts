import t from 'tap'
import type { GroupPatch } from '../../../src/protocol/messages/groups.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { getGroup } from '../../../src/server/operator-side/get-group.ts'
import { listGroups } from '../../../src/server/operator-side/list-groups.ts'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { connected, registered, registration, uuid } from '../../support/runners.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const patch = (rig: ServerRig, name: string, set: GroupPatch) =>
  rig.write(tx => patchGroup(tx, rig.ctx, name, set))

onEachStore(
  t,
  'a group begins with the first runner that names it; default is always there',
  async (t, rig) => {
    t.match(await rig.read(tx => getGroup(tx, 'default')), {
      value: { name: 'default', mode: 'all', runners: 0 },
    })
    t.match(await rig.read(tx => getGroup(tx, 'g')), { failure: { reason: 'not-found' } })
    t.match(await patch(rig, 'g', { mode: 'leader' }), { failure: { reason: 'not-found' } })
    await registered(rig, registration({ uuid: uuid(2), runner_group: 'g' }))
    await connected(rig, { runner_group: 'h' })
    await rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), { runner_group: 'k' }))
    const { items, next } = await rig.read(tx => listGroups(tx, { limit: 2 }))
    t.match(items, [
      { name: 'g', runners: 1 },
      { name: 'h', runners: 0 },
    ])
    t.equal(next, 'h')
    t.match(await rig.read(tx => listGroups(tx, { limit: 2, after: 'h' })), {
      items: [{ name: 'k', runners: 1 }],
      next: null,
    })
    await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1)))
    t.match(await rig.read(tx => getGroup(tx, 'k')), { value: { runners: 0 } })
  },
)

onEachStore(
  t,
  'a group for which executions wait can be shown and set before its first runner',
  async (t, rig) => {
    await rig.submit({ runner_group: 'later', capabilities: ['gpu'] })
    for (const name of ['late', 'later-still', 'latest'])
      t.match(await rig.read(tx => getGroup(tx, name)), { failure: { reason: 'not-found' } }, name)
    t.match(await rig.read(tx => getGroup(tx, 'later')), {
      value: { name: 'later', mode: 'all', leader_runner_id: null, runners: 0 },
    })
    t.match(await patch(rig, 'later', { mode: 'leader' }), { value: { mode: 'leader', runners: 0 } })
    await connected(rig, { runner_group: 'later' })
    t.match(await rig.read(tx => getGroup(tx, 'later')), {
      value: { mode: 'leader', leader_runner_id: uuid(1), runners: 1 },
    })
  },
)
