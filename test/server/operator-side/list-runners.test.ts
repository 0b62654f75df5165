import t from 'tap'
import { listRunners } from '../../../src/server/operator-side/list-runners.ts'
import { patch, registered, registration, uuid } from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(
  t,
  'runners are listed in pages, the oldest first, all of them or those of a group',
  async (t, rig) => {
    for (const n of [3, 1, 2, 4]) {
      await registered(rig, registration({ uuid: uuid(n), runner_group: n === 2 ? 'g' : 'default' }))
      rig.pass(0.001)
    }
    await patch(rig, { runner_group: 'g' }, uuid(4))
    const ids = async (limit: number, after?: string, group?: string) => {
      const page = { limit, ...(after !== undefined && { after }) }
      const { items, next } = await rig.read(tx => listRunners(tx, rig.ctx, page, { group }))
      return [items.map(item => item.id), next]
    }
    t.same(await ids(3), [[uuid(3), uuid(1), uuid(2)], uuid(2)])
    t.same(await ids(3, uuid(2)), [[uuid(4)], null])
    t.same(await ids(1, undefined, 'g'), [[uuid(2)], uuid(2)])
    t.same(await ids(1, uuid(2), 'g'), [[uuid(4)], null])
    t.same(await ids(9, undefined, 'default'), [[uuid(3), uuid(1)], null])
    t.same(await ids(9, uuid(9), 'default'), [[], null])
  },
)

onEachStore(t, 'runners are found by what they say of themselves', async (t, rig) => {
  const said = [
    { environment: 'production', site: 'a' },
    { environment: 'test' },
    { environment: 'production' },
    {},
  ]
  for (const [index, metadata] of said.entries()) {
    await registered(rig, registration({ uuid: uuid(index + 1), metadata }))
    rig.pass(0.001)
  }
  const ids = async (metadata: Record<string, string>, limit = 9, after?: string) => {
    const page = { limit, ...(after !== undefined && { after }) }
    const { items, next } = await rig.read(tx => listRunners(tx, rig.ctx, page, { metadata }))
    return [items.map(item => item.id), next]
  }
  t.same(await ids({ environment: 'production' }), [[uuid(1), uuid(3)], null])
  t.same(await ids({ environment: 'production', site: 'a' }), [[uuid(1)], null])
  t.same(await ids({ environment: 'production' }, 1), [[uuid(1)], uuid(1)])
  t.same(await ids({ environment: 'production' }, 1, uuid(1)), [[uuid(3)], null])
  t.same(await ids({ site: 'b' }), [[], null])
  t.same(await ids({ toString: '' }), [[], null])
})
