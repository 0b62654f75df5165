import t from 'tap'
import { ByCapabilities, capacityIn } from '../../../src/server/state/capacity.ts'
import { readNodes } from '../../../src/server/state/node-counts.ts'
import { onEachStore } from '../../support/server-rig.ts'

t.test('the greatest numbers have series of their own, and the others one in their group', async t => {
  const numbers = new ByCapabilities()
  for (const [group, capability, number] of [
    ['a', 'x', 5],
    ['a', 'y', 1],
    ['a', 'z', 2],
    ['b', 'x', 1],
  ] as const)
    numbers.add(group, [capability], number)
  numbers.add('a', ['x'], 1)
  t.same(
    numbers.most(2).map(({ labels, number }) => [labels.runner_group, labels.capabilities, number]),
    [
      ['a', 'x', 6],
      ['a', 'z', 2],
      ['a', 'other', 1],
      ['b', 'other', 1],
    ],
  )
})

onEachStore(t, 'busy, queued and capacity are counted by group and capabilities', async (t, rig) => {
  const said = (capabilities: string[]) => ({
    said: { runner_group: 'default', capabilities, taints: [], metadata: {} },
  })
  const gpu = await rig.addRunner({ ...said(['gpu', 'container']), set: { capacity: 2 } })
  await rig.addRunner(said(['container']))
  await rig.addRunner({ ...said(['container']), set: { enabled: false } })
  await rig.start(gpu, { capabilities: ['gpu'] })
  await rig.submit({ capabilities: ['gpu'] })
  await rig.submit({ runner_group: 'nobody' })
  const { rows, watched } = await readNodes(rig.store)
  const found = await capacityIn(rig.store, rows, watched)
  const shown = (name: keyof typeof found) =>
    Object.fromEntries(
      found[name]
        .most(100)
        .map(({ labels, number }) => [`${labels.runner_group} ${labels.capabilities}`, number]),
    )
  t.same(shown('capacity'), { 'default container,gpu': 2, 'default container': 4 })
  t.same(shown('busy'), { 'default container,gpu': 1, 'default container': 0 })
  t.same(shown('queued'), { 'default gpu': 1, 'nobody ': 1 })
})
