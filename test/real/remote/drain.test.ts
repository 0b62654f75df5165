import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { type Attached, type AttachRig, attachTest, held } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { testWith } from '../../support/require.ts'

t.setTimeout(1_800_000)

testWith(t, 'drain', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = (title: string, body: (t: Test, fleet: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  await test('drain ends the runner in a server, and neither the server nor the unit', async (t, fleet) => {
    const { rig } = fleet
    rig.file('systemd-notify', '#!/bin/sh\necho "$*" >> "$DIR/told"\n', 0o755)
    const env = { PATH: `${rig.dir}:${process.env.PATH}`, NOTIFY_SOCKET: 'none' }
    fleet.configure('both', {}, '', '[server]\nlisten = 127.0.0.1:0')
    const both = rig.start(['-c', rig.path('both.cfg'), 'server', '--attach'], { lasting: true, env })
    await both.says('jobs can be started')
    const url = /listens on (\S+?);/.exec(both.text)![1]!
    const token = rig.path('state-both', 'server', 'admin.token')
    const access = ['--server', url, '--token-file', token]
    const job = rig.start(['submit', ...access, '--image', 'box', '--wait', '--', ...held])
    await job.says('began')
    const drain = fleet.command('both', 'drain', '--wait')
    await both.says('takes no new work')
    fleet.release(readdirSync(join(fleet.stateDir('both'), 'spool'))[0]!)
    t.equal(await job.ended, 0, 'what runs is waited for')
    t.equal(await drain.ended, 0, drain.text)
    t.match(drain.text, /the runner in the server of process \d+ has stopped/)
    const runners = rig.start(['runners', ...access, '--json'])
    t.equal(await runners.ended, 0, 'the server answers')
    t.match(JSON.parse(Buffer.concat(runners.out).toString()), [{ state: 'left' }])
    t.equal(await fleet.command('both', 'drain').ended, 7, 'no runner is attached any more')
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

  await test('stops of a runner, one after the other', async (t, fleet) => {
    const step = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)
    const begin = async (more: object = {}) => {
      const { id } = await fleet.submit({ command: held, ...more })
      await fleet.began(id)
      return id
    }
    /** Asks a runner to stop, and waits until it does so. */
    const stopping = async (runner: Attached) => {
      runner.run.child.kill('SIGTERM')
      await runner.event('runner:draining')
    }
    let runner = await fleet.attach('one', { on_stop: 'detach' })

    await step('with on_stop = detach jobs run on for the next start, and the server waits', async t => {
      const id = await begin()
      t.equal(await runner.stop(), 0)
      t.match(await fleet.runner('one'), { state: 'left' })
      fleet.release(id)
      runner = await fleet.start('one').ready()
      t.match(await fleet.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
    })

    await step('runner drain --wait waits for the end of what runs', async t => {
      const id = await begin()
      const drain = fleet.command('one', 'drain', '--wait', '--json')
      await runner.event('runner:draining')
      fleet.release(id)
      t.equal(await drain.ended, 0)
      const stopped = { state: 'stopped', pid: runner.pid, executions: [] }
      t.match(JSON.parse(Buffer.concat(drain.out).toString()), stopped)
      t.match(await fleet.server.execution(id), { state: 'succeeded' })
      t.equal(await fleet.command('one', 'drain').ended, 7)
    })

    fleet.configure('one')
    await step('a stop waits for what runs; a second one aborts it', async t => {
      runner = await fleet.start('one').ready()
      const id = await begin()
      await stopping(runner)
      const later = await fleet.submit({})
      fleet.release(id)
      t.equal(await runner.run.ended, 0)
      t.match(await fleet.server.execution(id), { state: 'succeeded' })
      t.match(await fleet.server.execution(later.id), { state: 'queued' })
      runner = await fleet.start('one').ready()
      await fleet.ended(later.id)
      const other = await begin({ abort_timeout_seconds: 1 })
      await stopping(runner)
      runner.run.child.kill('SIGTERM')
      t.equal(await runner.run.ended, 0)
      t.match(await fleet.ended(other), { state: 'aborted' })
    })

    await step('a third signal leaves at once, and what runs goes on', async t => {
      runner = await fleet.start('one').ready()
      const script =
        "trap 'echo told' TERM; echo began; until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done"
      const id = await begin({ command: ['sh', '-c', script], abort_timeout_seconds: 30 })
      await stopping(runner)
      runner.run.child.kill('SIGTERM')
      while (!(await fleet.log(id)).includes('told')) await systemClock.sleep(0.05)
      runner.run.child.kill('SIGTERM')
      t.equal(await runner.run.ended, 143)
      runner = await fleet.start('one').ready()
      fleet.release(id)
      t.match(await fleet.ended(id), { state: 'aborted' })
    })

    await step('a stop before the engine has answered lets the server wait for what runs', async t => {
      const id = await begin({ retries: 1 })
      t.equal(await runner.stop('SIGKILL'), 'SIGKILL')
      fleet.configure('one', {}, 'docker_host = unix:///nowhere')
      const blind = fleet.start('one')
      await blind.event('life:changed', ({ to }) => to === 'ready')
      const other = await fleet.attach('other', { runner_group: 'other' })
      const witness = await begin({ runner_group: 'other' })
      t.equal(await blind.stop(), 0)
      // Its lease is renewed later than that of the first job, and ends.
      t.equal(await other.stop('SIGKILL'), 'SIGKILL')
      await fleet.state(witness, 'lost')
      t.match(await fleet.server.execution(id), { state: 'running' })
      const again = await fleet.start('other').ready()
      fleet.release(witness)
      t.equal(await again.stop(), 0)
      fleet.configure('one')
      runner = await fleet.start('one').ready()
      fleet.release(id)
      t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1 })
      t.equal(await runner.stop(), 0)
    })
  })
})
