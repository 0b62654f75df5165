/*
 * The ends of jobs before their programs end: an abort, the time limit, the memory, the end of the container.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../../../src/edges.ts'
import { EngineRig, executorNeeds } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

testWith(t, 'ends of jobs in containers', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  const { engine } = rig
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = rig.testsOf(t)

  await test('the abort signal is that of the job, else of the image, and goes to the program alone', async t => {
    await makeImage(engine, 'stops', { fill: withBusybox, changes: ['STOPSIGNAL SIGUSR2'] })
    const script = `
for s in USR1 USR2 TERM; do trap "echo program $s; exit 3" $s; done
sh -c 'for s in USR1 USR2 TERM; do trap "echo child $s" $s; done; echo ready; while :; do sleep 0.05; done' &
while :; do sleep 0.05; done`
    const executor = await rig.launch('stops')
    for (const [job, signal] of [
      [{}, 'USR2'],
      [{ abort_signal: 'SIGUSR1' }, 'USR1'],
    ] as const) {
      const started = await rig.start(executor, 'stops', { command: ['sh', '-c', script], ...job })
      await started.says('ready\n')
      started.watch.abort()
      t.equal((await started.finished()).log, `ready\nprogram ${signal}\n`)
    }
    await executor.remove()
  })

  await test('at its time limit a job gets the signal, its grace, and is then killed', async t => {
    const executor = await rig.launch('box')
    const polite = await rig.run(executor, 'box', {
      command: ['sh', '-c', 'trap "echo asked; exit 0" TERM; while :; do sleep 0.05; done'],
      max_time_seconds: 0.3,
    })
    t.match(polite, { outcome: 'failed', reason: 'timed-out', log: 'asked\n' })
    const deaf = await rig.run(executor, 'box', {
      command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'],
      max_time_seconds: 0.2,
      abort_timeout_seconds: 0.2,
    })
    t.match(deaf, { outcome: 'failed', reason: 'timed-out', error_message: 'it had not ended after 0.2 s' })
    await executor.remove()
  })

  await test('a wall clock that is set ahead ends no job', async t => {
    const executor = await rig.launch('box')
    let ahead = 0
    let looks = 0
    const looked = Promise.withResolvers<void>()
    const clock = {
      ...systemClock,
      now: () => new Date(Date.now() + ahead),
      sleep: async (seconds: number, signal?: AbortSignal) => {
        await systemClock.sleep(seconds, signal)
        if (ahead > 0 && ++looks === 5) looked.resolve()
      },
    }
    const command = [
      'sh',
      '-c',
      'echo began; until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done; echo done',
    ]
    const started = await rig.start(executor, 'box', { command, max_time_seconds: 60 }, clock)
    await started.says('began')
    await started.handle.started
    ahead = 86_400_000
    await looked.promise
    writeFileSync(join(executor.directory, 'jobs', started.execution.id, 'go'), '')
    t.match(await started.finished(), { outcome: 'succeeded', log: 'began\ndone\n' })
    await executor.remove()
  })

  await test('a job that runs out of memory says so', async t => {
    const command = ['sh', '-c', 'echo filling; tail /dev/zero']
    const end = await rig.runAlone('box', { command }, { memory: 32 * 1024 ** 2 })
    t.match(end, { outcome: 'failed', reason: 'out-of-memory', log: /^filling\n/ })
  })

  await test('a container that ends by itself ends its job as a failure that says so', async t => {
    const executor = await rig.launch('box')
    const job = await rig.start(executor, 'box', { command: ['sh', '-c', 'echo here; sleep 1000'] })
    await job.says('here\n')
    await executor.engineSide.kill()
    t.match(await job.finished(), {
      outcome: 'failed',
      reason: 'executor-lost',
      exit_code: null,
      log: 'here\n',
      error_message: /^its container ended while it ran/,
    })
    const again = await rig.start(executor, 'box', { command: ['true'] }).catch(error => error as Error)
    t.match(again, /the supervisor of the container is gone/)
    await executor.remove()
  })
})
