/* Several jobs in one container: the files that the next one finds, and the time until it starts. */
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'
import t from 'tap'
import { EngineRig, executorNeeds } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

testWith(t, 'warm containers', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  const { engine } = rig
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = rig.testsOf(t)

  await test('a warm start costs a fork', async t => {
    const executor = await rig.launch('box')
    const times: number[] = []
    for (let job = 0; job < 15; job++) {
      const began = performance.now()
      const started = await rig.start(executor, 'box', { command: ['true'] })
      const handed = performance.now()
      await started.watch.ended
      const ended = performance.now()
      times.push(ended - began)
      t.comment(`${(handed - began).toFixed(1)} + ${(ended - handed).toFixed(1)}`)
      await started.finished()
    }
    const median = times.sort((a, b) => a - b)[7]!
    const run = performance.now()
    execaSync('docker', ['-H', `unix://${engine.socket}`, 'run', '--rm', '--network', 'none', 'box', 'true'])
    const cold = performance.now() - run
    t.comment(`a warm job takes ${median.toFixed(1)} ms, docker run --rm ${cold.toFixed(0)} ms`)
    t.ok(median < cold / 2, 'far less than a container')
    await executor.remove()
  })

  for (const user of ['0', '1000'])
    await test(`nothing of one job of user ${user} is there for the next`, async t => {
      const executor = await rig.launch('box', { user })
      const messy =
        'mkdir -p /tmp/b/c; touch /tmp/b/c/d; chmod 0 /tmp/b; echo x >/dev/shm/y; ln -s / /tmp/l; echo done'
      t.equal((await rig.run(executor, 'box', { command: ['sh', '-c', messy] })).log, 'done\n')
      t.ok(await executor.sweep(), 'it can be used again')
      const { log } = await rig.run(executor, 'box', { command: ['ls', '-A', '/tmp', '/dev/shm'] })
      t.equal(log, '/dev/shm:\n\n/tmp:\n')
      await executor.remove()
    })

  await test('nothing of one job is there for the next', async t => {
    const executor = await rig.launch('box')
    const messy = `
echo a >/tmp/a; mkdir -p /tmp/b/c; chmod 0 /tmp/b; echo d >/dev/shm/d; mkdir /tmp/.hidden
setsid sleep 1000 & sleep 1000 &
echo done`
    const first = await rig.run(executor, 'box', {
      command: ['sh', '-c', messy],
      env: { SECRET: 'x1y2z3' },
      secret_env: { MORE: 'geheim' },
    })
    t.equal(first.log, 'done\n')
    t.ok(await executor.sweep(), 'it can be used again')
    const look = 'ls -A /tmp /dev/shm /.runner/jobs 2>&1; env; ps -o args; cat /proc/1/environ'
    const { log } = await rig.run(executor, 'box', { command: ['sh', '-c', look] })
    t.notMatch(log, /SECRET|MORE|x1y2z3|sleep|hidden|\n[abd]\n/)
    for (const dirty of ['echo x >/etc/x', 'rm /etc/passwd', 'touch /dev/x', 'chmod 700 /tmp']) {
      t.ok(await executor.sweep(), `clean before ${dirty}`)
      await rig.run(executor, 'box', { command: ['sh', '-c', dirty] })
      t.notOk(await executor.sweep(), `not after ${dirty}`)
      await rig.run(executor, 'box', {
        command: ['sh', '-c', 'rm -f /dev/x; chmod 1777 /tmp; true'],
      })
      if (dirty.includes('/etc')) break
    }
    await executor.remove()
  })

  await test('a job that is removed as soon as its end is written takes no container with it', async t => {
    // One that is often kept waiting for a processor.
    const executor = await rig.launch('box', { cpus: 0.05 })
    for (let round = 0; round < 30; round++) {
      const job = await rig.start(executor, 'box', { command: ['true'] })
      await job.watch.ended
      await job.execution.remove()
      t.ok(await executor.sweep())
    }
    await executor.remove()
  })

  await test('a busybox for containers that a crash has cut off is made anew', async t => {
    const kept = join(engine.directory, 'state', 'bin', 'busybox')
    rmSync(`${kept}.sealed`, { force: true })
    writeFileSync(`${kept}.sealed`, '')
    t.match(await rig.runAlone('box', { command: ['true'] }), { outcome: 'succeeded' })
    t.equal(statSync(`${kept}.sealed`).mode & 0o777, 0o111, 'nobody can read it')
  })
})
