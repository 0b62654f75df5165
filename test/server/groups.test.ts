import t from 'tap'
import type { GroupPatch } from '../../src/protocol/messages.ts'
import { getGroup, listGroups, patchGroup } from '../../src/server/groups.ts'
import { deleteRunner, getRunner, patchRunner } from '../../src/server/runners.ts'
import { call, connected, registered, registration, uuid } from '../support/runners.ts'
import { onEachStore, type ServerRoom } from '../support/server-room.ts'

const patch = (room: ServerRoom, name: string, set: GroupPatch) =>
  room.write(tx => patchGroup(tx, room.ctx, name, set))
const leader = async (room: ServerRoom, name = 'default') => {
  const group = await room.read(tx => getGroup(tx, name))
  return group.ok ? group.value.leader_runner_id : group.failure.reason
}

onEachStore(
  t,
  'a group begins with the first runner that names it; default is always there',
  async (t, room) => {
    t.match(await room.read(tx => getGroup(tx, 'default')), {
      value: { name: 'default', mode: 'all', runners: 0 },
    })
    t.match(await room.read(tx => getGroup(tx, 'g')), { failure: { reason: 'not-found' } })
    t.match(await patch(room, 'g', { mode: 'leader' }), { failure: { reason: 'not-found' } })
    await registered(room, registration({ uuid: uuid(2), runner_group: 'g' }))
    await connected(room, { runner_group: 'h' })
    await room.write(tx => patchRunner(tx, room.ctx, uuid(1), { runner_group: 'k' }))
    const { items, next } = await room.read(tx => listGroups(tx, { limit: 2 }))
    t.match(items, [
      { name: 'g', runners: 1 },
      { name: 'h', runners: 0 },
    ])
    t.equal(next, 'h')
    t.match(await room.read(tx => listGroups(tx, { limit: 2, after: 'h' })), {
      items: [{ name: 'k', runners: 1 }],
      next: null,
    })
    await room.write(tx => deleteRunner(tx, room.ctx, uuid(1)))
    t.match(await room.read(tx => getGroup(tx, 'k')), { value: { runners: 0 } })
  },
)

onEachStore(
  t,
  'a leader is elected before the answer, on every change of the group or of its runners',
  async (t, room) => {
    await connected(room)
    room.pass(1)
    await connected(room, { uuid: uuid(2) })
    t.equal(await leader(room), null)
    t.match(await patch(room, 'default', { mode: 'leader' }), { value: { leader_runner_id: uuid(1) } })
    t.match(await room.read(tx => getRunner(tx, room.ctx, uuid(2))), { value: { role: 'standby' } })
    t.match(await patch(room, 'default', { pinned_runner_id: uuid(2) }), {
      value: { leader_runner_id: uuid(2) },
    })
    t.match(await patch(room, 'default', { pinned_runner_id: null }), {
      value: { leader_runner_id: uuid(2), pinned_runner_id: null },
    })
    for (const set of [{ taints: ['t'] }, { enabled: false }, { runner_group: 'g' }]) {
      await room.write(tx => patchRunner(tx, room.ctx, uuid(2), set))
      t.equal(await leader(room), uuid(1), JSON.stringify(set))
      await room.write(tx =>
        patchRunner(tx, room.ctx, uuid(2), { taints: [], enabled: true, runner_group: 'default' }),
      )
      await patch(room, 'default', { pinned_runner_id: uuid(2) })
      await patch(room, 'default', { pinned_runner_id: null })
      t.equal(await leader(room), uuid(2))
    }
    await room.write(tx => deleteRunner(tx, room.ctx, uuid(2)))
    t.equal(await leader(room), uuid(1))
    await room.write(tx => deleteRunner(tx, room.ctx, uuid(1)))
    t.equal(await leader(room), null)
    t.match(await patch(room, 'default', { mode: 'all' }), { value: { mode: 'all', leader_runner_id: null } })
  },
)

onEachStore(
  t,
  'a runner that comes back to a group without a leader leads it with its first call',
  async (t, room) => {
    await registered(room)
    t.match(await patch(room, 'default', { mode: 'leader' }), { value: { leader_runner_id: null } })
    await connected(room)
    t.equal(await leader(room), uuid(1))
  },
)

onEachStore(t, 'only a runner that is in the group can be pinned', async (t, room) => {
  await connected(room, { runner_group: 'g' })
  const before = await room.read(tx => getGroup(tx, 'default'))
  t.match(await patch(room, 'default', { pinned_runner_id: uuid(1) }), {
    failure: { reason: 'malformed', detail: /in group g/ },
  })
  t.match(await patch(room, 'default', { mode: 'leader', pinned_runner_id: uuid(9) }), {
    failure: { reason: 'not-found' },
  })
  t.same(await room.read(tx => getGroup(tx, 'default')), before)
  await room.write(tx => deleteRunner(tx, room.ctx, uuid(1)))
  t.match(await patch(room, 'g', { pinned_runner_id: uuid(1) }), { failure: { reason: 'deleted' } })
})

onEachStore(
  t,
  'a leader that was not heard of leads again with its next call, if nobody else does',
  async (t, room) => {
    const session = await connected(room)
    await patch(room, 'default', { mode: 'leader' })
    room.pass(60_000)
    t.match(await patch(room, 'default', { mode: 'leader' }), { value: { leader_runner_id: null } })
    await call(room, session)
    t.equal(await leader(room), uuid(1))
  },
)
