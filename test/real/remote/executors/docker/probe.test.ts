import t from 'tap'
import { diskLimitOf, explainProbeFailure, probe } from '../../../../../src/remote/executors/docker/probe.ts'
import { EngineRig, executorNeeds } from '../../../../support/executors.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(360_000)

const never = new AbortController().signal

testWith(t, 'the probe', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  await t.test('hands a job over and takes it back, and leaves nothing', async t => {
    for (const changes of [{}, { user: '1234', read_only: true }]) {
      const began = performance.now()
      const probed = await probe(rig.options(changes), rig.facts, never)
      // Whether the use of a job is measured depends on the control groups of the host.
      const measures = probed.ok && probed.value.measures
      const value = { once: undefined, diskLimit: diskLimitOf(false, undefined), measures }
      t.same(probed, { ok: true, value })
      t.comment(`it takes ${(performance.now() - began).toFixed(0)} ms`)
    }
    t.same(await rig.leftovers(), [])
  })

  await t.test('says that the engine finds nothing at the path', async t => {
    const failed = await probe(rig.options({ host_work_dir: '/nowhere/work' }), rig.facts, never)
    t.match(failed, {
      failure: { reason: 'other-path', message: /does not find \/nowhere\/work.*set host_work_dir/ },
    })
    t.same(await rig.leftovers(), [])
  })

  await t.test('says what is wrong with other engines', async t => {
    const facts = (more: object) => ({ ...rig.facts, ...more })
    const reason = (said: string, more = {}, engine = rig.client) =>
      explainProbeFailure(said, { ...rig.options(), engine }, facts(more)).reason
    t.equal(reason('permission denied', { security: ['name=selinux'] }), 'selinux')
    t.equal(reason('permission denied', { security: ['name=userns'] }), 'user-namespace')
    t.equal(reason('it took no orders', { system: 'Docker Desktop' }), 'docker-desktop')
    t.equal(reason('something else'), 'hand-over-failed')
    const strange = explainProbeFailure('denied', rig.options(), facts({ runtime: 'runsc' }))
    t.match(strange, { reason: 'hand-over-failed', message: /container of the runtime runsc, .*\(denied\)$/ })
    const remote = { ...rig.client, address: 'tcp://10.0.0.1:2375' } as typeof rig.client
    t.equal(reason('bind source path does not exist: /x', {}, remote), 'remote-engine')
  })
})
