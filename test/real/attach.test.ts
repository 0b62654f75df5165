import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { type AttachRig, attachTest, held } from '../support/attached.ts'
import { Cut } from '../support/cut.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { makeImage, pluginImage, withBusybox } from '../support/images.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(600_000)

testWith(t, 'an attached runner', executorNeeds, async t => {
  await using engine = await Engine.start('--live-restore')
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["sh", "-c", "echo from the image"]'] })
  await pluginImage(engine, 'plugin')
  const test = (
    title: string,
    body: (t: Test, world: AttachRig) => Promise<unknown>,
    server: Record<string, string | number> = {},
  ) => attachTest(t, title, engine, { server }, body)

  await test('a job goes from submit to its end, with its log, its outputs and its status', async (t, world) => {
    const runner = await world.attach('one')
    const { rig, server } = world
    const token = rig.path('state', 'server', 'admin.token')
    const access = ['--server', server.url, '--token-file', token]
    const submit = (...args: string[]) => rig.start(['submit', ...access, '--wait', ...args])
    const job = submit('--image', 'box', '--', 'sh', '-c', 'echo hello; printf end; exit 3')
    t.equal(await job.ended, 3)
    t.equal(Buffer.concat(job.out).toString(), 'hello\nend')
    rig.file('password', 'correct horse')
    const plugin = submit(
      '--image',
      'plugin',
      '--type',
      'test.greet',
      '--input',
      'name=World',
      '--secret',
      'password=@password',
    )
    t.equal(await plugin.ended, 0, plugin.text)
    t.match(plugin.text, /greeting.*Hello World/)
    t.notMatch(Buffer.concat(plugin.out).toString(), /correct horse/, 'no secret is in the log')
    t.match(plugin.text, /the password is \*{13}/)
    t.equal(await runner.stop(), 0)
  })

  await test('no more jobs run than there are slots, and idle containers take the next ones', async (t, world) => {
    const runner = await world.attach('one')
    const all = []
    for (let count = 0; count < 6; count++) all.push((await world.submit({ command: held })).id)
    await Promise.all(all.slice(0, 4).map(id => world.began(id)))
    t.equal((await world.server.execution(all[5]!)).state, 'queued')
    t.equal((await engine.docker('ps', '-q')).split('\n').length, 4)
    const before = await engine.docker('ps', '-q', '--no-trunc')
    for (const id of all.slice(0, 4)) world.release(id)
    await Promise.all(all.slice(4).map(id => world.began(id)))
    t.ok((await engine.docker('ps', '-q', '--no-trunc')).split('\n').every(id => before.includes(id)))
    for (const id of all.slice(4)) world.release(id)
    for (const id of all) t.match(await world.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
    t.equal(await runner.stop(), 0)
  })

  await test('an abort ends a job with its signal', async (t, world) => {
    const runner = await world.attach('one')
    const script = "trap 'echo bye; exit 4' TERM; echo began; while :; do sleep 0.05; done"
    const { id } = await world.submit({ command: ['sh', '-c', script], abort_timeout_seconds: 10 })
    await world.began(id)
    await world.server.call('POST', `/v1/executions/${id}/abort`)
    t.match(await world.ended(id), { state: 'aborted', output: 'began\nbye\n', exit_code: 4 })
    t.equal(await runner.stop(), 0)
  })

  await test('a time limit ends a job, and says so', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({
      command: ['sh', '-c', 'echo began; sleep 60'],
      max_time_seconds: 0.5,
    })
    t.match(await world.ended(id), { state: 'failed', reason: 'timed-out' })
    t.equal(await runner.stop(), 0)
  })

  await test('what cannot be started is a failure that says so', async (t, world) => {
    const runner = await world.attach('one')
    const missing = await world.submit({ image: 'no-such-image' })
    t.match(await world.ended(missing.id), { state: 'failed', reason: 'image-missing' })
    t.equal(await runner.stop(), 0)
  })

  await test('a runner that is killed leaves its jobs running, and the next one goes on with them', async (t, world) => {
    const runner = await world.attach('one')
    const running = await world.submit({ command: held })
    const ending = await world.submit({ command: held })
    await Promise.all([world.began(running.id), world.began(ending.id)])
    runner.run.child.kill('SIGKILL')
    await runner.run.ended
    world.release(ending.id)
    const next = await world.start('one').ready()
    t.match(await next.event('runner:recovered'), { running: 2 })
    t.match(await world.ended(ending.id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    world.release(running.id)
    t.match(await world.ended(running.id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    t.equal(await next.stop(), 0)
  })

  await test('a server that is away for a while gets results and logs when it is back', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    await world.server.stop()
    await runner.event('connection:lost')
    world.release(id)
    await runner.event('job:ended')
    world.rig.configure({}, `[server]\nlisten = ${new URL(world.server.url).host}\nlease_seconds = 6`)
    await world.server.restart()
    t.match(await world.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
    t.equal(await runner.stop(), 0)
  })

  await test('a second life of a runner takes over, and the first ends with 75', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    const { execFileSync } = await import('node:child_process')
    execFileSync('cp', ['-a', world.rig.path('state-one'), world.rig.path('state-two')])
    world.configure('two', { work_dir: world.workDir('one') })
    const second = world.start('two')
    t.equal(await runner.run.ended, 75)
    await second.ready()
    world.release(id)
    t.match(await world.ended(id), { state: 'succeeded' })
    t.equal(await second.stop(), 0)
    execFileSync('rm', ['-rf', world.rig.path('state-one', 'remote', 'spool')])
  })

  await test('one process at a time has a state directory', async (t, world) => {
    const runner = await world.attach('one')
    t.equal(await world.start('one').run.ended, 4)
    t.equal(await runner.stop(), 0)
  })

  await test('a disabled runner takes nothing, and does when it is enabled again', async (t, world) => {
    const runner = await world.attach('one')
    const [{ id: runnerId }] = (await world.server.call('GET', '/v1/runners')).json.items
    await world.server.call('PATCH', `/v1/runners/${runnerId}`, { body: { enabled: false } })
    await runner.event('life:changed', ({ to }) => to === 'disabled')
    const { id } = await world.submit({})
    t.match(await world.server.execution(id), { state: 'queued' })
    await world.server.call('PATCH', `/v1/runners/${runnerId}`, { body: { enabled: true } })
    t.match(await world.ended(id), { state: 'succeeded' })
    t.equal(await runner.stop(), 0)
  })

  await test('the one that stands by takes over when the leader has gone', async (t, world) => {
    const first = await world.attach('one')
    await world.server.call('PATCH', '/v1/groups/default', { body: { mode: 'leader' } })
    const second = world.start('two')
    await second.event('life:changed', ({ to }) => to === 'standby')
    // Once it has told the server of its free slots.
    const { at } = await second.event('engine:ready')
    const two = async () =>
      (await world.server.call('GET', '/v1/runners')).json.items.find(
        ({ name }: { name: string }) => name === 'two',
      )
    while ((await two()).last_heartbeat_at <= at);
    t.match(await two(), { state: 'ready', role: 'standby' })
    t.match(await world.ended((await world.submit({})).id), { node_name: 'one' })
    t.equal(await first.stop(), 0)
    await second.ready()
    t.match(await world.ended((await world.submit({})).id), { node_name: 'two' })
    t.equal(await second.stop(), 0)
  })

  await test('a deleted runner removes what it has, and ends with 0', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    const [{ id: runnerId }] = (await world.server.call('GET', '/v1/runners')).json.items
    await world.server.call('DELETE', `/v1/runners/${runnerId}`)
    t.equal(await runner.run.ended, 0)
    t.match(await world.server.execution(id), { state: 'aborted' })
    t.equal(await world.start('one').run.ended, 0, 'it is not registered again')
    await world.server.call('PATCH', `/v1/runners/${runnerId}`, { body: { deleted: false } })
    const next = await world.start('one').ready()
    t.equal(await next.stop(), 0)
  })

  await test('a runner that was deleted while it was away removes what it has left', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    const [{ id: runnerId }] = (await world.server.call('GET', '/v1/runners')).json.items
    t.equal(await runner.stop('SIGKILL'), 'SIGKILL')
    await world.server.call('DELETE', `/v1/runners/${runnerId}`)
    t.equal(await world.start('one').run.ended, 0)
    t.same(await world.leftovers(), [], 'no container, and no file of it')
  })

  await test('runners that share a work directory leave each other alone, and all else in it', async (t, world) => {
    const first = await world.attach('one')
    writeFileSync(join(world.workDir('one'), 'a file of somebody'), 'kept')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    const second = await world.attach('two', { work_dir: world.workDir('one') })
    const [one, two] = (await world.server.call('GET', '/v1/runners')).json.items
    const other = one.name === 'two' ? one : two
    await world.server.call('DELETE', `/v1/runners/${other.id}`)
    t.equal(await second.run.ended, 0)
    world.release(id)
    t.match(await world.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
    t.equal(await first.stop(), 0)
    t.equal(readFileSync(join(world.workDir('one'), 'a file of somebody'), 'utf8'), 'kept')
    rmSync(join(world.workDir('one'), 'a file of somebody'))
  })

  await test('a stop before the engine has answered lets the server wait for what runs', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held, retries: 1 })
    await world.began(id)
    t.equal(await runner.stop('SIGKILL'), 'SIGKILL')
    world.configure('one', {}, 'docker_host = unix:///nowhere')
    const blind = world.start('one')
    await blind.event('life:changed', ({ to }) => to === 'ready')
    t.equal(await blind.stop(), 0)
    // Longer than a lease.
    await new Promise(resolve => setTimeout(resolve, 9000))
    t.match(await world.server.execution(id), { state: 'running' })
    world.configure('one')
    const next = await world.start('one').ready()
    world.release(id)
    t.match(await world.ended(id), { state: 'succeeded', attempt: 1 })
    t.equal(await next.stop(), 0)
  })

  await test('a spool that cannot be written to leads to no endless loop', async (t, world) => {
    const runner = await world.attach('one')
    const spool = join(world.stateDir('one'), 'spool')
    renameSync(spool, `${spool}.away`)
    const { id } = await world.submit({})
    await runner.event('notice', ({ message }) => message.includes('cannot be put on disk'))
    await new Promise(resolve => setTimeout(resolve, 1000))
    const tries = await world.server.call('GET', `/v1/executions/${id}`)
    t.match(tries.json.state, /queued|reserved/)
    renameSync(`${spool}.away`, spool)
    t.match(await world.ended(id), { state: 'succeeded' })
    const told = runner.all('notice').filter(({ message }) => message.includes('cannot be put on disk'))
    t.equal(told.length, 1, 'it is told once, and then once a minute')
    t.equal(await runner.stop(), 0)
  })

  await test('a stop waits for what runs; a second one aborts it', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    runner.run.child.kill('SIGTERM')
    await runner.event('runner:draining')
    const later = await world.submit({})
    world.release(id)
    t.equal(await runner.run.ended, 0)
    t.match(await world.server.execution(id), { state: 'succeeded' })
    t.match(await world.server.execution(later.id), { state: 'queued' })
    const next = await world.start('one').ready()
    await world.ended(later.id)
    const other = await world.submit({ command: held, abort_timeout_seconds: 1 })
    await world.began(other.id)
    next.run.child.kill('SIGTERM')
    await next.event('runner:draining')
    next.run.child.kill('SIGTERM')
    t.equal(await next.run.ended, 0)
    t.match(await world.ended(other.id), { state: 'aborted' })
  })

  await test('a third signal leaves at once, and what runs goes on', async (t, world) => {
    const runner = await world.attach('one')
    const script =
      "trap '' TERM; echo began; until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done"
    const { id } = await world.submit({ command: ['sh', '-c', script], abort_timeout_seconds: 30 })
    await world.began(id)
    runner.run.child.kill('SIGTERM')
    await runner.event('runner:draining')
    runner.run.child.kill('SIGTERM')
    await new Promise(resolve => setTimeout(resolve, 300))
    runner.run.child.kill('SIGTERM')
    t.equal(await runner.run.ended, 143)
    const next = await world.start('one').ready()
    world.release(id)
    t.match(await world.ended(id), { state: /succeeded|aborted|failed/ })
    t.equal(await next.stop(), 0)
  })

  await test('with on_stop = detach jobs run on for the next start, and the server waits', async (t, world) => {
    const runner = await world.attach('one', { on_stop: 'detach' })
    const { id } = await world.submit({ command: held })
    await world.began(id)
    t.equal(await runner.stop(), 0)
    const [left] = (await world.server.call('GET', '/v1/runners')).json.items
    t.match(left, { state: 'left' })
    world.release(id)
    const next = await world.start('one').ready()
    t.match(await world.ended(id), { state: 'succeeded', output: 'began\nwent on\n' })
    t.equal(await next.stop(), 0)
  })

  await test('runner drain --wait waits for the end of what runs', async (t, world) => {
    const runner = await world.attach('one', { on_stop: 'detach' })
    const { id } = await world.submit({ command: held })
    await world.began(id)
    const drain = world.command('one', 'drain', '--wait', '--json')
    await runner.event('runner:draining')
    world.release(id)
    t.equal(await drain.ended, 0)
    t.match(JSON.parse(Buffer.concat(drain.out).toString()), {
      state: 'stopped',
      pid: runner.pid,
      executions: [],
    })
    t.match(await world.server.execution(id), { state: 'succeeded' })
    t.equal(await world.command('one', 'drain').ended, 7)
  })

  await test('a script runs over the command channel, and is told in the log of the runner', async (t, world) => {
    const runner = await world.attach('one')
    const body = { image: 'box', command: ['sh', '-c', 'echo from a script'], wait_seconds: 20 }
    const answer = await world.server.call('POST', '/v1/scripts', { body })
    t.match(answer.json, { state: 'succeeded', kind: 'script' }, answer.text)
    t.match(await runner.event('script:output'), { text: 'from a script\n' })
    t.equal(await runner.stop(), 0)
  })

  await test('in normal mode each job has a container of its own', async (t, world) => {
    const runner = await world.attach('one')
    const [{ id: runnerId }] = (await world.server.call('GET', '/v1/runners')).json.items
    const body = { eviction_time_seconds: 0, capacity: 2 }
    await world.server.call('PATCH', `/v1/runners/${runnerId}`, { body })
    const script = 'cat /etc/mark 2>/dev/null; echo mark >/etc/mark; cat /proc/sys/kernel/hostname'
    const all = []
    for (let count = 0; count < 4; count++) all.push(await world.submit({ command: ['sh', '-c', script] }))
    const ended = await Promise.all(all.map(({ id }) => world.ended(id)))
    t.equal(new Set(ended.map(({ output }) => output)).size, 4)
    t.ok(ended.every(({ output }) => !output.includes('mark')))
    t.equal(await runner.stop(), 0)
  })

  await test('an idle container makes room for another image, and is evicted when its time is over', async (t, world) => {
    const runner = await world.attach('one')
    const [{ id: runnerId }] = (await world.server.call('GET', '/v1/runners')).json.items
    const patch = (body: object) => world.server.call('PATCH', `/v1/runners/${runnerId}`, { body })
    await patch({ capacity: 1, eviction_time_seconds: 600 })
    await world.ended((await world.submit({})).id)
    const before = await engine.docker('ps', '-q')
    const input = {
      task: { type: 'test.fail', properties: [{ name: 'password', category: 'input', value: 'x' }] },
    }
    const other = await world.ended((await world.submit({ image: 'plugin', input })).id)
    t.match(other, { state: 'failed', exit_code: 3, reason: 'plugin-failed' })
    t.not(await engine.docker('ps', '-q'), before)
    await patch({ eviction_time_seconds: 0.2 })
    t.same(await world.empty(), [])
    t.equal(await runner.stop(), 0)
  })

  await test('a restart of the engine harms no job that runs, and one that is to start waits for it', async (t, world) => {
    const runner = await world.attach('one')
    const running = await world.submit({ command: held })
    await world.began(running.id)
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      engine.signal(signal)
      const { id } = await world.submit({})
      await new Promise(resolve => setTimeout(resolve, 1000))
      await engine.answers()
      t.match(await world.ended(id), { state: 'succeeded', attempt: 1 }, signal)
    }
    world.release(running.id)
    t.match(await world.ended(running.id), { state: 'succeeded', output: 'began\nwent on\n' })
    t.equal(await runner.stop(), 0)
  })

  await test('a job whose container dies is a failure that says so', async (t, world) => {
    const runner = await world.attach('one')
    const { id } = await world.submit({ command: held })
    await world.began(id)
    await engine.docker('kill', await engine.docker('ps', '-q'))
    t.match(await world.ended(id), {
      state: 'failed',
      reason: 'executor-lost',
      output: 'began\n',
      attempt: 1,
    })
    t.equal(await runner.stop(), 0)
  })

  await test('a network that is cut for longer than the lease costs nothing', async (t, world) => {
    await using cut = await Cut.to(Number(new URL(world.server.url).port))
    const runner = await world.attach('one', { url: cut.url })
    const { id } = await world.submit({ command: held })
    await world.began(id)
    cut.close()
    await world.state(id, 'lost')
    world.release(id)
    await runner.event('job:ended')
    cut.open()
    t.match(await world.ended(id), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    await runner.event('connection:back')
    cut.silence()
    t.match(await runner.event('connection:lost', ({ reason }) => reason === 'timed-out'), {
      message: /3 pings/,
    })
    cut.open()
    t.match(await world.ended((await world.submit({})).id), { state: 'succeeded' })
    t.equal(await runner.stop(), 0)
  })

  await test('with on_lost = abort no job outlives its lease for long', async (t, world) => {
    await using cut = await Cut.to(Number(new URL(world.server.url).port))
    const runner = await world.attach('one', { url: cut.url, on_lost: 'abort' })
    const command = ['sh', '-c', 'trap "echo asked; exit 5" TERM; echo began; while :; do sleep 0.1; done']
    const { id, group } = await world.submit({ command, retries: 1 })
    await world.began(id)
    cut.close()
    t.match(await runner.event('job:ended'), {
      ...{ execution_id: id, outcome: 'failed', exit_code: 5, reason: 'lease-lost' },
      error_message: /had not answered .* on_lost = abort/,
    })
    await world.state(id, 'lost')
    cut.open()
    t.match(await world.ended(id), { state: 'failed', reason: 'lease-lost', output: 'began\nasked\n' })
    const next = await runner.event('job:accepted', ({ execution_id }) => execution_id !== id)
    await world.began(next.execution_id)
    t.match(await world.server.execution(next.execution_id), { state: 'running', group })
    await world.server.call('POST', `/v1/executions/${next.execution_id}/abort`)
    t.match(await world.ended(next.execution_id), { state: 'aborted' })
    t.equal(await runner.stop(), 0)
  })

  await test('what another attempt has replaced is ended and dropped', async (t, world) => {
    await using cut = await Cut.to(Number(new URL(world.server.url).port))
    const first = await world.attach('one', { url: cut.url })
    const { id, group } = await world.submit({ command: held, retries: 1 })
    await world.began(id)
    cut.close()
    await world.state(id, 'lost')
    const second = await world.attach('two')
    const next = await second.event('job:accepted')
    await world.began(next.execution_id)
    cut.open()
    await first.event('job:dropped', told => told.execution_id === id)
    world.release(next.execution_id)
    t.match(await world.ended(next.execution_id), { state: 'succeeded', attempt: 2, group })
    t.match(await world.server.execution(id), { state: 'lost' })
    t.equal(await first.stop(), 0)
    t.equal(await second.stop(), 0)
  })

  await test('with too little free disk no work is taken', async (t, world) => {
    world.configure('one', {}, '', 'min_free = 900T')
    const runner = await world.start('one').ready()
    await runner.event('disk:low')
    const { message } = await runner.event('notice', told => told.message.includes('/ready'))
    const ready = await fetch(`${/http:\S+/.exec(message)![0]}/ready`)
    t.equal(ready.status, 503)
    t.match(await ready.text(), /too little free disk/)
    const { id } = await world.submit({})
    t.match(await world.server.execution(id), { state: 'queued' })
    t.equal(await runner.stop(), 0)
    world.configure('one')
    const next = await world.start('one').ready()
    t.match(await world.ended(id), { state: 'succeeded' })
    t.equal(await next.stop(), 0)
  })

  await test('runner server --attach is both in one', async (t, world) => {
    world.configure('both', {}, '', '[server]\nlisten = 127.0.0.1:0')
    const both = world.rig.start(['-c', world.rig.path('both.cfg'), 'server', '--attach'], { lasting: true })
    await both.says('jobs can be started')
    const url = /listens on (\S+?);/.exec(both.text)![1]!
    const token = world.rig.path('state-both', 'server', 'admin.token')
    const args = ['--server', url, '--token-file', token, '--image', 'box', '--wait']
    const job = world.rig.start(['submit', ...args, '--', 'sh', '-c', 'echo both; exit 5'])
    t.equal(await job.ended, 5, job.text)
    t.match(job.text, /both\n/)
    both.child.kill('SIGTERM')
    t.equal(await both.ended, 0)
  })

  await test('doctor says that all is well, and what is wrong', async (t, world) => {
    world.configure('one')
    const well = world.command('one', 'doctor', '--json')
    t.equal(await well.ended, 0, well.text)
    t.notOk(existsSync(world.stateDir('one')) || existsSync(world.workDir('one')), 'nothing is made')
    world.rig.file('bad.token', 'rnr_registration_none')
    world.configure('one', { token_file: world.rig.path('bad.token') }, 'docker_host = unix:///nowhere')
    const unwell = world.command('one', 'doctor', '--json')
    t.equal(await unwell.ended, 1)
    const { checks } = JSON.parse(Buffer.concat(unwell.out).toString())
    const failed = checks.filter((check: { result: string }) => check.result === 'failed')
    t.same(
      failed.map((check: { check: string }) => check.check),
      ['engine', 'token'],
    )
    const runner = await world.attach('two')
    world.configure('two', { token_file: world.rig.path('bad.token') })
    const registered = world.command('two', 'doctor', '--json')
    t.equal(await registered.ended, 0, 'a registered runner needs no registration token any more')
    t.equal(await runner.stop(), 0)
  })
})
