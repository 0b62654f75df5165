/* What goes wrong in a cluster while a runner has jobs there: each job has one end, and it is true. */
import t, { type Test } from 'tap'
import { systemClock } from '../../src/edges.ts'
import { clusterNeeds } from '../support/cluster.ts'
import { boxImage, PodRig, podTest } from '../support/pods.ts'
import '../support/reaper.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(1_800_000)

testWith(t, 'faults of a cluster', clusterNeeds, async t => {
  await using rig = await PodRig.start()
  const { cluster } = rig
  const namespace = await rig.cluster.namespace()
  const executor = `backend = kubernetes\nkubeconfig = ${namespace.kubeconfig}`
  const kubectl = (...words: string[]) => cluster.kubectl('-n', namespace.name, ...words)
  const held = (name: string) => {
    const script = `echo began; until ${rig.holdTest(name)}; do sleep 0.1; done; echo went on`
    return { image: boxImage, command: ['sh', '-c', script] }
  }

  await podTest(t, 'jobs of one runner', rig, namespace, async (t, fleet) => {
    const runner = await fleet.attach('one', {}, executor)
    const test = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)

    await test('an API server that is killed and comes back costs nothing', async t => {
      const [one, two] = [await fleet.submit(held('api-1')), await fleet.submit(held('api-2'))]
      await Promise.all([fleet.began(one.id), fleet.began(two.id)])
      await cluster.kill('kube-apiserver')
      // It ends while nobody can see that.
      rig.release('api-1')
      await systemClock.sleep(2)
      await cluster.restart('kube-apiserver')
      rig.release('api-2')
      for (const { id } of [one, two]) {
        t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1 })
        t.equal(await fleet.log(id), 'began\nwent on\n')
      }
    })

    await test('an etcd that does not answer costs nothing', async t => {
      const { id } = await fleet.submit(held('etcd'))
      await fleet.began(id)
      cluster.signal('etcd', 'SIGSTOP')
      rig.release('etcd')
      await systemClock.sleep(15)
      cluster.signal('etcd', 'SIGCONT')
      t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1 })
      t.equal(await fleet.log(id), 'began\nwent on\n')
    })

    await test('an image that cannot be had is the reason of its job', async t => {
      const { id } = await fleet.submit({ image: 'no.example/such:image', command: ['true'] })
      t.match(await fleet.ended(id), {
        state: 'failed',
        reason: 'image-missing',
        error_message: /no\.example/,
      })
    })

    await test('a job that no node takes says so, and runs once one does', async t => {
      await cluster.kubectl('taint', 'node', 'node', 'test=full:NoSchedule')
      const { id } = await fleet.submit({ image: boxImage, command: ['sh', '-c', 'echo ran'] })
      const waits = await fleet.until(id, execution => /no node/.test(JSON.stringify(execution)))
      t.ok(waits)
      await cluster.kubectl('taint', 'node', 'node', 'test-')
      t.match(await fleet.ended(id), { state: 'succeeded' })
      t.equal(await fleet.log(id), 'ran\n')
    })

    await test('a quota that is used up is the reason of its job', async t => {
      await kubectl('create', 'quota', 'none', '--hard=pods=0')
      const { id } = await fleet.submit({ image: boxImage, command: ['true'] })
      t.match(await fleet.ended(id), { state: 'failed', reason: 'engine-refused', error_message: /quota/ })
      await kubectl('delete', 'quota', 'none')
    })

    t.equal(await runner.stop(), 0)
  })
})
