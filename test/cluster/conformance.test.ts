import t from 'tap'
import { executorConformance } from '../remote/executors/conformance.ts'
import { clusterNeeds } from '../support/cluster.ts'
import { PodRig } from '../support/pods.ts'
import '../support/reaper.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(1_800_000)

testWith(t, 'pods as a backend', clusterNeeds, async t => {
  await using rig = await PodRig.start()
  const namespace = await rig.cluster.namespace()
  await executorConformance(t, 'kubernetes', body => body(rig.subject(namespace)))
  t.same(await rig.leftovers(namespace), [], 'nothing is left')
})
