import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { type AttachRig, attachTest, held } from '../support/attached.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(300_000)

testWith(t, 'drain', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = (title: string, body: (t: Test, world: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  await test('drain ends the runner in a server, and neither the server nor the unit', async (t, world) => {
    const { rig } = world
    rig.file('systemd-notify', '#!/bin/sh\necho "$*" >> "$DIR/told"\n', 0o755)
    const env = { PATH: `${rig.dir}:${process.env.PATH}`, NOTIFY_SOCKET: 'none' }
    world.configure('both', {}, '', '[server]\nlisten = 127.0.0.1:0')
    const both = rig.start(['-c', rig.path('both.cfg'), 'server', '--attach'], { lasting: true, env })
    await both.says('jobs can be started')
    const url = /listens on (\S+?);/.exec(both.text)![1]!
    const token = rig.path('state-both', 'server', 'admin.token')
    const access = ['--server', url, '--token-file', token]
    const job = rig.start(['submit', ...access, '--image', 'box', '--wait', '--', ...held])
    await job.says('began')
    const drain = world.command('both', 'drain', '--wait')
    await both.says('takes no new work')
    world.release(readdirSync(join(world.stateDir('both'), 'spool'))[0]!)
    t.equal(await job.ended, 0, 'what runs is waited for')
    t.equal(await drain.ended, 0, drain.text)
    t.match(drain.text, /the runner in the server of process \d+ has stopped/)
    const runners = rig.start(['runners', ...access, '--json'])
    t.equal(await runners.ended, 0, 'the server answers')
    t.match(JSON.parse(Buffer.concat(runners.out).toString()), [{ state: 'left' }])
    t.equal(await world.command('both', 'drain').ended, 7, 'no runner is attached any more')
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP', 'SIGPIPE'] as const) both.child.kill(signal)
    t.equal(await rig.start(['runners', ...access]).ended, 0, 'other signals do not end it')
    t.notMatch(both.text, /Debugger/)
    t.notOk(
      rig.lines('told').some(line => line.includes('STOPPING=1')),
      'systemd keeps its unit',
    )
    both.child.kill('SIGTERM')
    t.equal(await both.ended, 0)
  })
})
