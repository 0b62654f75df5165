import t from 'tap'
import type { GroupPatch } from '../../../src/protocol/messages/groups.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { getGroup } from '../../../src/server/operator-side/get-group.ts'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { call, connected, registered, uuid } from '../../support/runners.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const patch = (rig: ServerRig, name: string, set: GroupPatch) =>
  rig.write(tx => patchGroup(tx, rig.ctx, name, set))

const leader = async (rig: ServerRig, name = 'default') => {
  const group = await rig.read(tx => getGroup(tx, name))
  return group.ok ? group.value.leader_runner_id : group.failure.reason
}

onEachStore(
  t,
  'a leader is elected before the answer, on every change of the group or of its runners',
  async (t, rig) => {
    await connected(rig)
    rig.pass(0.001)
    await connected(rig, { uuid: uuid(2) })
    t.equal(await leader(rig), null)
    t.match(await patch(rig, 'default', { mode: 'leader' }), { value: { leader_runner_id: uuid(1) } })
    t.match(await rig.read(tx => getRunner(tx, rig.ctx, uuid(2))), { value: { role: 'standby' } })
    t.match(await patch(rig, 'default', { pinned_runner_id: uuid(2) }), {
      value: { leader_runner_id: uuid(2) },
    })
    t.match(await patch(rig, 'default', { pinned_runner_id: null }), {
      value: { leader_runner_id: uuid(2), pinned_runner_id: null },
    })
    for (const set of [{ taints: ['t'] }, { enabled: false }, { runner_group: 'g' }]) {
      await rig.write(tx => patchRunner(tx, rig.ctx, uuid(2), set))
      t.equal(await leader(rig), uuid(1), JSON.stringify(set))
      await rig.write(tx =>
        patchRunner(tx, rig.ctx, uuid(2), { taints: [], enabled: true, runner_group: 'default' }),
      )
      await patch(rig, 'default', { pinned_runner_id: uuid(2) })
      await patch(rig, 'default', { pinned_runner_id: null })
      t.equal(await leader(rig), uuid(2))
    }
    await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(2)))
    t.equal(await leader(rig), uuid(1))
    await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1)))
    t.equal(await leader(rig), null)
    t.match(await patch(rig, 'default', { mode: 'all' }), { value: { mode: 'all', leader_runner_id: null } })
  },
)

onEachStore(
  t,
  'a runner that comes back to a group without a leader leads it with its first call',
  async (t, rig) => {
    await registered(rig)
    t.match(await patch(rig, 'default', { mode: 'leader' }), { value: { leader_runner_id: null } })
    await connected(rig)
    t.equal(await leader(rig), uuid(1))
  },
)

onEachStore(t, 'only a runner that is in the group can be pinned', async (t, rig) => {
  await connected(rig, { runner_group: 'g' })
  const before = await rig.read(tx => getGroup(tx, 'default'))
  t.match(await patch(rig, 'default', { pinned_runner_id: uuid(1) }), {
    failure: { reason: 'malformed', detail: /in group g/ },
  })
  t.match(await patch(rig, 'default', { mode: 'leader', pinned_runner_id: uuid(9) }), {
    failure: { reason: 'not-found' },
  })
  t.same(await rig.read(tx => getGroup(tx, 'default')), before)
  await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1)))
  t.match(await patch(rig, 'g', { pinned_runner_id: uuid(1) }), { failure: { reason: 'deleted' } })
})

onEachStore(
  t,
  'a leader that was not heard of leads again with its next call, if nobody else does',
  async (t, rig) => {
    const session = await connected(rig)
    await patch(rig, 'default', { mode: 'leader' })
    rig.pass(60)
    t.match(await patch(rig, 'default', { mode: 'leader' }), { value: { leader_runner_id: null } })
    await call(rig, session)
    t.equal(await leader(rig), uuid(1))
  },
)
