import t from 'tap'
import { listTokens } from '../../../src/server/operator-side/list-tokens.ts'
import { connected } from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, "runners' own tokens are not listed", async (t, rig) => {
  await connected(rig)
  const { items } = await rig.read(tx => listTokens(tx, { limit: 10 }))
  t.same(
    items.map(({ kind }) => kind),
    ['registration'],
    'the one by which it has registered is',
  )
})
