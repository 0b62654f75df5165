/* Jobs of an attached runner, and who has the runner's name, its state and its work directory. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import type { Test } from 'tap'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { type Attached, attachTest, held } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, pluginImage, withBusybox } from '../../support/images.ts'
import { testWith } from '../../support/require.ts'

t.setTimeout(1_800_000)

testWith(t, 'an attached runner', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["sh", "-c", "echo from the image"]'] })
  await pluginImage(engine, 'plugin')

  await attachTest(t, 'jobs of one runner', engine, {}, async (t, fleet) => {
    const runner = await fleet.attach('one')
    const { id: runnerId } = await fleet.runner('one')
    const patch = (body: object) => fleet.server.call('PATCH', `/v1/runners/${runnerId}`, { body })
    const test = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)

    await test('a job goes from submit to its end, with its log, its outputs and its status', async t => {
      const { rig, server } = fleet
      const access = ['--server', server.url, '--token-file', rig.path('state', 'server', 'admin.token')]
      const submit = (...args: string[]) => rig.start(['submit', ...access, '--wait', ...args])
      const job = submit('--image', 'box', '--', 'sh', '-c', 'echo hello; printf end; exit 3')
      t.equal(await job.ended, 3)
      t.equal(Buffer.concat(job.out).toString(), 'hello\nend')
      rig.file('password', 'correct horse')
      const task = ['--type', 'test.greet', '--input', 'name=World', '--secret', 'password=@password']
      const plugin = submit('--image', 'plugin', ...task)
      t.equal(await plugin.ended, 0, plugin.text)
      t.match(plugin.text, /greeting.*Hello World/)
      t.notMatch(Buffer.concat(plugin.out).toString(), /correct horse/, 'no secret is in the log')
      t.match(plugin.text, /the password is \*{13}/)
    })

    await test('no more jobs run than there are slots, and idle containers take the next ones', async t => {
      const all = []
      for (let count = 0; count < 6; count++) all.push((await fleet.submit({ command: held })).id)
      await Promise.all(all.slice(0, 4).map(id => fleet.began(id)))
      t.equal((await fleet.server.execution(all[5]!)).state, 'queued')
      const before = await engine.running()
      t.equal(before.length, 4)
      for (const id of all.slice(0, 4)) fleet.release(id)
      await Promise.all(all.slice(4).map(id => fleet.began(id)))
      t.ok((await engine.running()).every(id => before.includes(id)))
      for (const id of all.slice(4)) fleet.release(id)
      for (const id of all) t.match(await fleet.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
    })

    await test('an abort ends a job with its signal', async t => {
      const script = "trap 'echo bye; exit 4' TERM; echo began; while :; do sleep 0.05; done"
      const { id } = await fleet.submit({ command: ['sh', '-c', script], abort_timeout_seconds: 10 })
      await fleet.began(id)
      await fleet.server.call('POST', `/v1/executions/${id}/abort`)
      t.match(await fleet.ended(id), { state: 'aborted', output: 'began\nbye\n', exit_code: 4 })
    })

    await test('a time limit ends a job, and says so', async t => {
      const command = ['sh', '-c', 'echo began; sleep 60']
      const { id } = await fleet.submit({ command, max_time_seconds: 0.5 })
      t.match(await fleet.ended(id), { state: 'failed', reason: 'timed-out' })
    })

    await test('what cannot be started is a failure that says so', async t => {
      const missing = await fleet.submit({ image: 'no-such-image' })
      t.match(await fleet.ended(missing.id), { state: 'failed', reason: 'image-missing' })
    })

    await test('one process at a time has a state directory', async t => {
      t.equal(await fleet.start('one').run.ended, 4)
    })

    await test('a disabled runner takes nothing, and does when it is enabled again', async t => {
      await patch({ enabled: false })
      await runner.event('life:changed', ({ to }) => to === 'disabled')
      const { id } = await fleet.submit({})
      t.match(await fleet.server.execution(id), { state: 'queued' })
      await patch({ enabled: true })
      t.match(await fleet.ended(id), { state: 'succeeded' })
    })

    await test('a script runs over the command channel, and is told in the log of the runner', async t => {
      const body = { image: 'box', command: ['sh', '-c', 'echo from a script'], wait_seconds: 20 }
      const answer = await fleet.server.call('POST', '/v1/scripts', { body })
      t.match(answer.json, { state: 'succeeded', kind: 'script' }, answer.text)
      t.match(await runner.event('script:output'), { text: 'from a script\n' })
    })

    await test('a job whose container dies is a failure that says so', async t => {
      const { id } = await fleet.submit({ command: held })
      await fleet.began(id)
      await engine.docker('kill', ...(await engine.running()))
      const end = { state: 'failed', reason: 'executor-lost', output: 'began\n', attempt: 1 }
      t.match(await fleet.ended(id), end)
    })

    await test('a spool that cannot be written to leads to no endless loop', async t => {
      const reservations = () => fleet.server.metric('runner_server_reservations_total')
      const before = await reservations()
      const spool = join(fleet.stateDir('one'), 'spool')
      // Files of earlier jobs are removed in the old directory, not in the one that it moves to.
      while (readdirSync(spool).length > 0) await systemClock.sleep(0.05)
      renameSync(spool, `${spool}.away`)
      const { id } = await fleet.submit({})
      await runner.event('notice', ({ message }) => message.includes('cannot be put on disk'))
      while ((await reservations()) < before + 3) await systemClock.sleep(0.05)
      const tries = await fleet.server.call('GET', `/v1/executions/${id}`)
      t.match(tries.json.state, /queued|reserved/)
      renameSync(`${spool}.away`, spool)
      t.match(await fleet.ended(id), { state: 'succeeded' })
      const told = runner.all('notice').filter(({ message }) => message.includes('cannot be put on disk'))
      t.equal(told.length, 1, 'it is told once, and then once a minute')
    })

    await test('in normal mode each job has a container of its own', async t => {
      await patch({ eviction_time_seconds: 0, capacity: 2 })
      t.same(await fleet.empty(), [], 'those that were idle have gone')
      const script = 'cat /etc/mark 2>/dev/null; echo mark >/etc/mark; cat /proc/sys/kernel/hostname'
      const all = []
      for (let count = 0; count < 4; count++) all.push(await fleet.submit({ command: ['sh', '-c', script] }))
      const ended = await Promise.all(all.map(({ id }) => fleet.ended(id)))
      t.equal(new Set(ended.map(({ output }) => output)).size, 4)
      t.ok(ended.every(({ output }) => !output.includes('mark')))
      t.same(await fleet.empty(), [])
    })

    await test('an idle container makes room for another image, and is evicted when its time is over', async t => {
      await patch({ capacity: 1, eviction_time_seconds: 600 })
      await fleet.ended((await fleet.submit({})).id)
      const before = await engine.running()
      t.equal(before.length, 1)
      const properties = [{ name: 'password', category: 'input', value: 'x' }]
      const input = { task: { type: 'test.fail', properties } }
      const other = await fleet.ended((await fleet.submit({ image: 'plugin', input })).id)
      t.match(other, { state: 'failed', exit_code: 3, reason: 'plugin-failed' })
      t.not((await engine.running())[0], before[0])
      await patch({ eviction_time_seconds: 0.2 })
      t.same(await fleet.empty(), [])
    })

    t.equal(await runner.stop(), 0)
  })

  await attachTest(t, 'the lives of runners', engine, {}, async (t, fleet) => {
    let one: Attached
    const test = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)
    const remove = async (name: string) =>
      fleet.server.call('DELETE', `/v1/runners/${(await fleet.runner(name)).id}`)
    const begin = async () => {
      const { id } = await fleet.submit({ command: held })
      await fleet.began(id)
      return id
    }

    await test('a runner that is killed leaves its jobs running, and the next one goes on with them', async t => {
      const killed = await fleet.attach('one')
      const [running, ending] = await Promise.all([begin(), begin()])
      await killed.stop('SIGKILL')
      fleet.release(ending)
      one = await fleet.start('one').ready()
      t.match(await one.event('runner:recovered'), { running: 2 })
      for (const id of [ending, running]) {
        if (id === running) fleet.release(id)
        t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
      }
    })

    await test('the one that stands by takes over when the leader has gone', async t => {
      await fleet.server.call('PATCH', '/v1/groups/default', { body: { mode: 'leader' } })
      fleet.configure('two', { work_dir: fleet.workDir('one') })
      const second = fleet.start('two')
      await second.event('life:changed', ({ to }) => to === 'standby')
      // Once it has told the server of its free slots.
      const { at } = await second.event('engine:ready')
      while ((await fleet.runner('two')).last_heartbeat_at! <= at) await systemClock.sleep(0.05)
      t.match(await fleet.runner('two'), { state: 'ready', role: 'standby' })
      t.match(await fleet.ended((await fleet.submit({})).id), { node_name: 'one' })
      t.equal(await one.stop(), 0)
      await second.ready()
      t.match(await fleet.ended((await fleet.submit({})).id), { node_name: 'two' })
      t.equal(await second.stop(), 0)
      await fleet.server.call('PATCH', '/v1/groups/default', { body: { mode: 'all' } })
    })

    await test('runners that share a work directory leave each other alone, and all else in it', async t => {
      one = await fleet.start('one').ready()
      const file = join(fleet.workDir('one'), 'a file of somebody')
      writeFileSync(file, 'kept')
      const id = await begin()
      const second = await fleet.start('two').ready()
      await remove('two')
      t.equal(await second.run.ended, 0)
      fleet.release(id)
      t.match(await fleet.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
      t.equal(readFileSync(file, 'utf8'), 'kept')
      rmSync(file)
    })

    await test('a deleted runner removes what it has, and ends with 0', async t => {
      const id = await begin()
      await remove('one')
      t.equal(await one.run.ended, 0)
      t.match(await fleet.server.execution(id), { state: 'aborted' })
      t.same(await fleet.leftovers(), [])
      t.equal(await fleet.start('one').run.ended, 0, 'it is not registered again')
    })

    await test('a runner that is deleted no longer comes back', async t => {
      const { id } = await fleet.runner('one')
      await fleet.server.call('PATCH', `/v1/runners/${id}`, { body: { deleted: false } })
      one = await fleet.start('one').ready()
      t.match(await fleet.ended((await fleet.submit({})).id), { state: 'succeeded' })
    })

    await test('a second life of a runner takes over, and the first ends with 75', async t => {
      const id = await begin()
      execaSync('cp', ['-a', fleet.rig.path('state-one'), fleet.rig.path('state-life')])
      fleet.configure('life', { name: 'one', work_dir: fleet.workDir('one') })
      const second = fleet.start('life')
      t.equal(await one.run.ended, 75)
      one = await second.ready()
      fleet.release(id)
      t.match(await fleet.ended(id), { state: 'succeeded' })
      execaSync('rm', ['-rf', fleet.rig.path('state-one', 'remote', 'spool')])
    })

    await test('a runner that was deleted while it was away removes what it has left', async t => {
      await begin()
      t.equal(await one.stop('SIGKILL'), 'SIGKILL')
      await remove('one')
      t.equal(await fleet.start('life').run.ended, 0)
      t.same(await fleet.leftovers(), [], 'no container, and no file of it')
    })

    await test('with too little free disk no work is taken', async t => {
      fleet.configure('full', {}, '', 'min_free = 900T')
      const runner = await fleet.start('full').ready()
      await runner.event('disk:low')
      const { message } = await runner.event('notice', told => told.message.includes('/ready'))
      const ready = await fetch(`${/http:\S+/.exec(message)![0]}/ready`)
      t.equal(ready.status, 503)
      t.match(await ready.text(), /too little free disk/)
      const { id } = await fleet.submit({})
      t.match(await fleet.server.execution(id), { state: 'queued' })
      t.equal(await runner.stop(), 0)
      fleet.configure('full')
      const next = await fleet.start('full').ready()
      t.match(await fleet.ended(id), { state: 'succeeded' })
      t.equal(await next.stop(), 0)
    })

    await test('doctor says that all is well, and what is wrong', async t => {
      const doctor = async (name: string) => {
        const run = fleet.command(name, 'doctor', '--json')
        const status = await run.ended
        const { checks } = JSON.parse(Buffer.concat(run.out).toString())
        const failed = checks.filter((check: { result: string }) => check.result === 'failed')
        return { status, failed: failed.map(({ check }: { check: string }) => check) }
      }
      fleet.configure('new')
      t.match(await doctor('new'), { status: 0, failed: [] })
      t.notOk(existsSync(fleet.stateDir('new')) || existsSync(fleet.workDir('new')), 'nothing is made')
      const token_file = fleet.rig.file('bad.token', 'rnr_registration_none')
      fleet.configure('new', { token_file }, 'docker_host = unix:///nowhere')
      t.match(await doctor('new'), { status: 1, failed: ['engine', 'token'] })
      fleet.configure('full', { token_file })
      t.match(await doctor('full'), { status: 0 }, 'a registered runner needs no registration token any more')
    })

    await test('runner server --attach is both in one', async t => {
      fleet.configure('both', {}, '', '[server]\nlisten = 127.0.0.1:0')
      const both = fleet.rig.start(['-c', fleet.rig.path('both.cfg'), 'server', '--attach'], {
        lasting: true,
      })
      await both.says('jobs can be started')
      const url = /listens on (\S+?);/.exec(both.text)![1]!
      const token = fleet.rig.path('state-both', 'server', 'admin.token')
      const args = ['--server', url, '--token-file', token, '--image', 'box', '--wait']
      const job = fleet.rig.start(['submit', ...args, '--', 'sh', '-c', 'echo both; exit 5'])
      t.equal(await job.ended, 5, job.text)
      t.match(job.text, /both\n/)
      both.child.kill('SIGTERM')
      t.equal(await both.ended, 0)
    })
  })
})
