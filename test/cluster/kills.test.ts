/* A runner that is killed at every moment of a job's life in a pod, and started again. */
import t from 'tap'
import { systemClock } from '../../src/edges.ts'
import { clusterNeeds } from '../support/cluster.ts'
import { boxImage, PodRig, podTest } from '../support/pods.ts'
import '../support/reaper.ts'
import { testWith } from '../support/require.ts'
import { runs } from '../support/tier.ts'

t.setTimeout(1_800_000)

/** Seconds from a submit to the end of a job, and some more. */
const life = 4

testWith(t, 'a runner that is killed again and again', clusterNeeds, async t => {
  await using rig = await PodRig.start()
  const namespace = await rig.cluster.namespace()
  const executor = `backend = kubernetes\nkubeconfig = ${namespace.kubeconfig}`
  const kills = runs(20)

  await podTest(t, 'each job has one end, and it is true', rig, namespace, async (t, fleet) => {
    let runner = await fleet.attach('one', {}, executor)
    const command = ['sh', '-c', 'echo began; sleep 1; echo went on']
    let succeeded = 0
    for (let kill = 0; kill < kills; kill++) {
      const { id } = await fleet.submit({ image: boxImage, command })
      const after = (life * kill) / kills
      await systemClock.sleep(after)
      await runner.stop('SIGKILL')
      runner = await fleet.start('one').ready()
      const end = await fleet.ended(id)
      t.equal(end.attempt, 1, `killed ${after.toFixed(1)} s after the submit`)
      if (end.state === 'succeeded') {
        succeeded++
        t.equal(await fleet.log(id), 'began\nwent on\n')
      } else t.match(end, { state: 'failed', reason: 'executor-lost' }, 'it may have run')
    }
    t.comment(`${succeeded} of ${kills} succeeded`)
    // Between the record of a pod and its call lies a moment; a kill in it leaves no more to say.
    t.ok(succeeded >= kills * 0.8, `${succeeded} of ${kills}`)
    t.equal(await runner.stop(), 0)
  })
})
