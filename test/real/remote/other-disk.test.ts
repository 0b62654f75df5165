/*
 * A work directory on another disk than the state directory, which the engine knows by another path.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type AttachRig, attachTest, held } from '../../support/attached.ts'
import { command } from '../../support/command.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { program, testWith } from '../../support/require.ts'

t.setTimeout(360_000)

testWith(t, 'a work directory on another disk', [...executorNeeds, program('nsenter')], async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["true"]'] })
  const disk = join(engine.directory, 'disk')
  await command('nsenter', [
    `--mount=${engine.mounts}`,
    'sh',
    '-c',
    'mkdir "$1" && mount -t tmpfs -o mode=700 none "$1"',
    'sh',
    disk,
  ])
  const place = `${engine.root}${disk}`
  const test = (title: string, body: (t: Test, fleet: AttachRig, work: string) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, async (t, fleet) => {
      const name = `work-${fleet.rig.id}`
      const work = join(place, name)
      fleet.configure('one', { work_dir: work }, `host_work_dir = ${join(disk, name)}`)
      await body(t, fleet, work)
    })

  await test('containers are used again, and nothing of one job is there for the next', async (t, fleet, work) => {
    const runner = await fleet.start('one').ready()
    const [{ id: runnerId }] = (await fleet.server.call('GET', '/v1/runners')).json.items
    await fleet.server.call('PATCH', `/v1/runners/${runnerId}`, { body: { capacity: 1 } })
    const look =
      'cat /proc/sys/kernel/hostname; ls /.runner/jobs 2>/dev/null | wc -l; seq 100000; cd /.runner/jobs/*; mkdir -p a/b; echo x > a/b/c'
    const seen = new Set<string>()
    for (let count = 0; count < 3; count++) {
      const { id } = await fleet.submit({ command: ['sh', '-c', look] })
      t.match(await fleet.ended(id), { state: 'succeeded' })
      const log = await fleet.log(id)
      t.match(log, /^\w+\n[01]\n1\n2\n[\s\S]*\n100000\n$/)
      seen.add(log.slice(0, log.indexOf('\n1\n2\n')))
    }
    t.equal(seen.size, 1, 'one container, with no other exchange directory in it')
    t.equal(await runner.stop(), 0)
    t.same(readdirSync(work), [])
  })

  await test('a job that outlives runner is handed in by the next one', async (t, fleet, work) => {
    const runner = await fleet.start('one').ready()
    const { id } = await fleet.submit({ command: held })
    await fleet.began(id)
    t.equal(await runner.stop('SIGKILL'), 'SIGKILL')
    fleet.release(id, work)
    const next = await fleet.start('one').ready()
    t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    t.equal(await next.stop(), 0)
    t.same(readdirSync(work), [])
  })

  await test('what has ended waits there for the server, with its log', async (t, fleet, work) => {
    const runner = await fleet.start('one').ready()
    const { id } = await fleet.submit({ command: ['sh', '-c', `${held[2]}; seq 100000`] })
    await fleet.began(id)
    await fleet.server.stop()
    fleet.release(id, work)
    await runner.event('job:ended')
    const spool = join(fleet.stateDir('one'), 'spool', id)
    t.ok(readFileSync(join(spool, 'shelf'), 'utf8').startsWith(work))
    t.notOk(existsSync(join(spool, 'log')), 'nothing of it is copied')
    t.equal(await runner.stop('SIGKILL'), 'SIGKILL')
    fleet.rig.configure({}, `[server]\nlisten = ${new URL(fleet.server.url).host}\nlease_seconds = 6`)
    await fleet.server.restart()
    const next = await fleet.start('one').ready()
    t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1 })
    t.match(await fleet.log(id), /^began\nwent on\n1\n2\n[\s\S]*\n100000\n$/)
    t.equal(await next.stop(), 0)
    t.same(readdirSync(work), [])
  })

  await test('doctor and plugin run go by the same path', async (t, fleet, work) => {
    const doctor = fleet.command('one', 'doctor')
    t.equal(await doctor.ended, 0, doctor.text)
    t.match(doctor.text, /ok +a job: /)
    t.throws(() => readdirSync(work), { code: 'ENOENT' }, 'what doctor has made is gone')
    mkdirSync(work)
    t.equal(await fleet.command('one', 'doctor').ended, 0)
    t.same(readdirSync(work), [], 'what was there stays')
    const plugin = fleet.command('one', 'plugin', 'run', 'box', '--', 'true')
    t.equal(await plugin.ended, 0, plugin.text)
    t.same(readdirSync(work), [])
    fleet.configure('one', { work_dir: work }, 'host_work_dir = /nowhere')
    const lost = fleet.command('one', 'doctor')
    t.equal(await lost.ended, 1)
    t.match(lost.text, /FAILED +a job: the engine does not find \/nowhere; .*set host_work_dir/)
  })
})
