import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ExecutorConfiguration } from '../../../../../src/config/sections/executor.ts'
import { withNetworks } from '../../../../support/engine.ts'
import { EngineRig, executorNeeds, forSeveral, value } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { neighbourNeeds, outsideOf, reaches } from '../../../../support/neighbours.ts'
import { program, testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

const never = new AbortController().signal
const runsc = program('runsc')

testWith(t, 'containers of gVisor', [...executorNeeds, ...neighbourNeeds, runsc], async t => {
  const config = join(t.testdir(), 'daemon.json')
  const runtime = { path: runsc.path, runtimeArgs: ['--host-fifo=open', '--network=host'] }
  writeFileSync(config, JSON.stringify({ runtimes: { runsc: runtime } }))
  await using rig = await EngineRig.start(...withNetworks, `--config-file=${config}`)
  await makeImage(rig.engine, 'box', { fill: withBusybox })
  /** A backend with other settings; the probe finds how jobs are handed over to gVisor. */
  const probed = async (changes: Partial<ExecutorConfiguration>) => {
    const backend = rig.backend({ runtime: 'runsc', pids: 1024, ...changes })
    const once = /^the runtime is runsc, and only runc/
    t.match(await backend.probe(never), { ok: true, value: { once } })
    return backend
  }
  const backend = await probed({})
  const prepared = value(await backend.prepare({ image: 'box' }, () => {}, never))

  await t.test(
    'a job runs there, with its log and its result, and cannot write where the pipes are',
    async t => {
      const slot = value(await backend.open(prepared, forSeveral(), never))
      const script = 'cat /proc/version; touch /.runner/pipes/x || echo no >&2; exit 3'
      const end = await rig.run(slot, 'box', { command: ['sh', '-c', script] })
      t.match(end, { outcome: 'failed', exit_code: 3, log: /^Linux version 4\.4\.0.*\n(.*\n)?no\n$/ })
      const file = (name: string) => statSync(join(rig.workDir, `${rig.runnerId}.${slot.ref.id}`, name))
      t.equal(file('control/busybox').mode & 0o444, 0o444, 'the runtime reads what it starts')
      t.equal(await slot.clean(), 'spoiled', 'it gets no second job')
      value(await backend.close(slot.ref))
    },
  )

  await t.test('a job is aborted by its signal, and killed where it does not end', async t => {
    for (const [trap, exit_code, abort_timeout_seconds] of [
      ['echo bye; exit 4', 4, 60],
      ['', 137, 1],
    ] as const) {
      const slot = value(await backend.open(prepared, forSeveral(), never))
      const script = `trap '${trap}' TERM; echo ready; while :; do sleep 0.05; done`
      const job = await rig.start(slot, 'box', { command: ['sh', '-c', script], abort_timeout_seconds })
      await job.says('ready\n')
      void job.handle.stop('aborted')
      t.match(await job.finished(), { outcome: 'aborted', exit_code })
      value(await backend.close(slot.ref))
    }
  })
  await t.test('a job that uses more memory than it may is ended, and that is the reason', async t => {
    const limited = await probed({ memory: 96 * 1024 ** 2 })
    const scripts = [
      'head -c 400000000 /dev/zero | tail -c 300000000',
      'head -c 400000000 /dev/zero >/tmp/file',
    ]
    const runs = scripts.map(async script => {
      const slot = value(await limited.open(prepared, forSeveral(), never))
      const end = await rig.run(slot, 'box', { command: ['sh', '-c', `${script} | wc -c; echo all of it`] })
      t.match(end, { outcome: 'failed', reason: 'out-of-memory' }, script)
      t.notMatch(end.log, /all of it/, script)
      value(await limited.close(slot.ref))
    })
    await Promise.all(runs)
  })

  await t.test('one that fills more of the disk than it may is ended, whatever it fills', async t => {
    const limited = await probed({ disk_limit: 24 * 1024 ** 2 })
    const named = 'for name in a b c d; do head -c 15000000 /dev/zero >$name; done'
    const open =
      'exec 3>a 4>b 5>c 6>d; rm a b c d; for fd in 3 4 5 6; do head -c 15000000 /dev/zero >&$fd; done'
    const runs = [`cd /; ${named}`, `cd /.runner/jobs/*; ${named}`, `cd /; ${open}`].map(async script => {
      const slot = value(await limited.open(prepared, forSeveral(), never))
      const command = ['sh', '-c', `${script}; echo filled; sleep 1000`]
      const end = await rig.run(slot, 'box', { command, max_time_seconds: 200 })
      t.match(end, { outcome: 'failed', reason: 'disk-full' }, script)
      value(await limited.close(slot.ref))
    })
    const slot = value(await limited.open(prepared, forSeveral(), never))
    const command = ['sh', '-c', 'head -c 60000000 /dev/zero >/file; wc -c </file']
    t.match((await rig.run(slot, 'box', { command })).log, /^25165824$/m, 'no file is longer')
    value(await limited.close(slot.ref))
    await Promise.all(runs)
  })

  await t.test('with network = job it reaches no other one, and the world', async t => {
    await using outside = await outsideOf(rig.engine)
    const reached = async (network: string) => {
      const backend = await probed({ network })
      return reaches(rig, outside.address, async () => {
        const slot = value(await backend.open(prepared, forSeveral(), never))
        const close = async () => value(await backend.close(slot.ref))
        return { where: slot, name: `runner-${slot.ref.id}`, close }
      })
    }
    t.same(await reached('bridge'), { neighbour: true, beyond: true })
    t.same(await reached('job'), { neighbour: false, beyond: true })
  })
  t.same(await rig.leftovers(), [], 'nothing is left')
})
