import t from 'tap'
import { attachTest } from '../../../../support/attached.ts'
import { EngineRig, executorNeeds, forSeveral, value } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { program, testWith } from '../../../../support/require.ts'
import { rigTest } from '../../../../support/rig.ts'

t.setTimeout(360_000)

const never = new AbortController().signal
const runc = program('runc')

testWith(t, 'the runtime of containers', [...executorNeeds, runc], async t => {
  await using rig = await EngineRig.start(`--add-runtime=other=${runc.path}`)
  const { engine } = rig
  await makeImage(engine, 'box', { fill: withBusybox })

  await t.test(
    'is that of [executor], else that of the engine; each job has a container of its own by an unknown one',
    async t => {
      for (const [changes, name, once] of [
        [
          { runtime: 'other' },
          'other',
          /^the runtime is other, and only runc and crun are known well enough$/,
        ],
        [{ runtime: 'runc' }, 'runc', undefined],
        [{}, 'runc', undefined],
      ] as const) {
        const backend = rig.backend(changes)
        t.match(value(await backend.probe(never)), { once })
        const prepared = value(await backend.prepare({ image: 'box' }, () => {}, never))
        const slot = value(await backend.open(prepared, forSeveral(), never))
        t.equal(
          await engine.docker('inspect', '-f', '{{.HostConfig.Runtime}}', `runner-${slot.ref.id}`),
          name,
        )
        t.match(await rig.run(slot, 'box', { command: ['true'] }), { outcome: 'succeeded' })
        t.equal(await slot.clean(), once === undefined ? 'clean' : 'spoiled')
        value(await backend.close(slot.ref))
      }
      t.same(await rig.leftovers(), [])
    },
  )

  const said =
    /the engine does not know the runtime runsc of \[executor\]; it knows .*other, runc: add runsc to runtimes in the engine's daemon.json and reload the engine/
  await t.test('one that the engine does not know is found before a job is', async t => {
    const backend = rig.backend({ runtime: 'runsc' })
    const failure = { reason: 'runtime-unknown', message: said }
    t.match(await backend.probe(never), { ok: false, failure })
    t.match(await backend.health(never), { ok: false, failure })
    t.same(await rig.leftovers(), [])
  })

  const config = `[executor]\ndocker_host = unix://${engine.socket}\nnetwork = none\npull = never\nruntime = runsc\n`
  await rigTest(t, 'doctor and plugin run say so', { config }, async (t, rig) => {
    const doctor = rig.start(['doctor', '--json'])
    t.equal(await doctor.ended, 1)
    const { checks } = JSON.parse(Buffer.concat(doctor.out).toString()) as { checks: { check: string }[] }
    const checkOf = (name: string) => checks.find(({ check }) => check === name)
    t.match(checkOf('engine'), { result: 'failed', message: said })
    t.match(checkOf('a job'), { result: 'skipped' })
    const run = rig.start(['plugin', 'run', 'box', '--', 'true'])
    t.equal(await run.ended, 69)
    t.match(run.text, said)
  })

  await attachTest(t, 'runner attach takes no work, and says so', engine, {}, async (t, fleet) => {
    fleet.configure('one', {}, 'runtime = runsc')
    const runner = fleet.start('one')
    t.match((await runner.event('engine:failed')).message, said)
    t.equal(await runner.stop(), 0)
  })
})
