import t from 'tap'
import { explain, probe } from '../../src/remote/executors/probe.ts'
import { edges, executorNeeds, World } from '../support/executors.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(120_000)

testWith(t, 'the probe', executorNeeds, async t => {
  await using world = await World.start()
  await t.test('hands a job over and takes it back, and leaves nothing', async t => {
    for (const changes of [{}, { user: '1234', read_only: true }]) {
      const began = performance.now()
      t.same(await probe(world.options(changes), world.facts, edges), {
        ...{ ok: true, value: { disk: { enforced: false, unseen: undefined } } },
      })
      t.comment(`it takes ${(performance.now() - began).toFixed(0)} ms`)
    }
    t.same(await world.leftovers(), [])
  })

  await t.test('says that the engine finds nothing at the path', async t => {
    const failed = await probe(world.options({ host_work_dir: '/nowhere/work' }), world.facts, edges)
    t.match(failed, {
      failure: { reason: 'other-path', message: /does not find \/nowhere\/work.*set host_work_dir/ },
    })
    t.same(await world.leftovers(), [])
  })

  await t.test('says what is wrong with other engines', async t => {
    const facts = (more: object) => ({ ...world.facts, ...more })
    const reason = (said: string, more = {}, engine = world.client) =>
      explain(said, { ...world.options(), engine }, facts(more)).reason
    t.equal(reason('permission denied', { security: ['name=selinux'] }), 'selinux')
    t.equal(reason('permission denied', { security: ['name=userns'] }), 'user-namespace')
    t.equal(reason('it took no orders', { system: 'Docker Desktop' }), 'docker-desktop')
    t.equal(reason('something else'), 'hand-over-failed')
    const remote = { ...world.client, address: 'tcp://10.0.0.1:2375' } as typeof world.client
    t.equal(reason('bind source path does not exist: /x', {}, remote), 'remote-engine')
  })
})
