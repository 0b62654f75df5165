/* Plugins that stay for further jobs. */
import t from 'tap'
import type { Container } from '../../../../../src/remote/executors/docker/container.ts'
import { EngineRig, executorNeeds, forSeveral, taskInput, value } from '../../../../support/executors.ts'
import { compiler, goPluginImage, stayingPluginImage } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

testWith(t, 'plugins that stay', [...executorNeeds, compiler], async t => {
  await using rig = await EngineRig.start()
  await stayingPluginImage(rig.engine, 'stays', 'USER 1001')
  await goPluginImage(rig.engine, 'go', 'stays')
  const test = rig.testsOf(t)
  const input = (name: string, asked: Record<string, unknown> = {}) =>
    taskInput('test.Any', { name, ...asked }, { password: 's3cr3t-w0rd' })
  const run = (where: Container, name: string, asked: Record<string, unknown> = {}, image = 'stays') =>
    rig.run(where, image, { input: input(name, asked) })
  const begin = (where: Container, name: string, asked: Record<string, unknown>, image = 'stays') =>
    rig.start(where, image, { input: input(name, asked), abort_timeout_seconds: 5 })
  const inside = (where: Container, script: string) =>
    rig.engine.docker('exec', where.name, '/.runner/control/busybox', 'sh', '-c', script)

  await test('further jobs go to the same process; output, log and secrets are those of each', async t => {
    const executor = await rig.launch('stays')
    const pids = new Set<unknown>()
    for (const name of ['one', 'two', 'three']) {
      const end = await run(executor, name, name === 'three' ? { size: 900_000 } : {})
      t.match(end, { outcome: 'succeeded', exit_code: 0 })
      t.match(end.output?.outputProperties, { greeting: `Hello ${name}`, from: 'secret' })
      t.equal(end.log, `job ${name} with ${'*'.repeat(11)}\nend of ${name}`, 'to the last byte, and no other')
      pids.add(end.output?.outputProperties.pid)
      t.equal(await executor.sweep(), true, 'the container is as it was')
    }
    t.equal(pids.size, 1)
    await executor.remove()
  })

  await test('no process but the plugin outlives a job, and an input is given out once', async t => {
    const executor = await rig.launch('stays')
    const end = await run(executor, 'one', { fork: true, twice: true })
    t.match(end, { outcome: 'succeeded', log: /again: 404/ })
    t.notMatch(await inside(executor, 'ps -o stat,comm'), /^[^Z].* sleep/m)
    t.match(await run(executor, 'two'), {
      output: { outputProperties: { pid: end.output?.outputProperties.pid } },
    })
    await executor.remove()
  })

  await test('between jobs it does nothing; a job of another kind, or with another environment, ends it', async t => {
    const executor = await rig.launch('stays')
    const first = await run(executor, 'one')
    t.match(await inside(executor, 'cat /proc/$(pidof node)/stat'), /\) T /)
    const other = await rig.run(executor, 'stays', { input: input('two'), env: { LEVEL: '2' } })
    t.not(other.output?.outputProperties.pid, first.output?.outputProperties.pid)
    const command = await rig.run(executor, 'stays', {
      command: ['sh', '-c', 'pidof node nc || echo nobody'],
    })
    t.match(command, { outcome: 'succeeded', log: 'nobody\n' })
    t.equal(await executor.sweep(), true)
    t.match(await run(executor, 'three'), {
      outcome: 'succeeded',
      output: { outputProperties: { from: 'secret' } },
    })
    await inside(executor, 'kill -9 $(pidof node)')
    t.match(
      await run(executor, 'four'),
      { outcome: 'succeeded', log: /^job four/ },
      'one that has died is replaced',
    )
    await executor.remove()
  })

  await test('who does not ask for its input gets it as a file, and is not asked again', async t => {
    await stayingPluginImage(rig.engine, 'leaves', 'USER 1001', 'ENV STAYS=no')
    await stayingPluginImage(rig.engine, 'once', 'USER 1001', 'ENV STAYS=once')
    for (const [image, from] of [
      ['leaves', 'file'],
      ['once', 'secret'],
    ] as const) {
      const executor = await rig.launch(image)
      const end = await run(executor, 'one', {}, image)
      t.match(end, { outcome: 'succeeded', output: { outputProperties: { from } } })
      t.notMatch(end.log, /INPUT_LOCATION/, 'the log is that of the start that counts')
      t.match(await run(executor, 'two', {}, image), { output: { outputProperties: { from: 'file' } } })
      const backend = rig.backend()
      const signal = new AbortController().signal
      const prepared = value(await backend.prepare({ image }, () => {}, signal))
      const slot = value(await backend.open(prepared, forSeveral(), signal))
      t.match(
        await rig.run(slot, image, { input: input('three') }),
        { output: { outputProperties: { from: 'file' } }, log: /^job three/ },
        'the next process of the runner does not ask it either',
      )
      t.equal((await backend.close(slot.ref)).ok, true)
      await executor.remove()
    }
  })

  await test('who stays and does not take the next input loses its place, and the job begins once', async t => {
    const executor = await rig.launch('stays')
    const first = await run(executor, 'one', { deaf: true })
    const second = await run(executor, 'two')
    t.match(second, { outcome: 'succeeded', log: /^job two[\s\S]*end of two$/ })
    t.not(second.output?.outputProperties.pid, first.output?.outputProperties.pid)
    await executor.remove()
  })

  await test('abort, time limit and a plugin that ends are as they are with a plugin of one job', async t => {
    const executor = await rig.launch('stays')
    await run(executor, 'one')
    const trapped = await begin(executor, 'two', { wait: 60, trap: true })
    await trapped.says('waiting')
    trapped.watch.abort()
    t.match(await trapped.finished(), { outcome: 'aborted', log: /asked to end/ })
    const stubborn = await begin(executor, 'three', { wait: 60 })
    await stubborn.says('waiting')
    stubborn.watch.abort()
    t.match(await stubborn.finished(), { outcome: 'aborted' })
    const late = await rig.run(executor, 'stays', { input: input('four', { wait: 60 }), max_time_seconds: 1 })
    t.match(late, { outcome: 'failed', reason: 'timed-out' })
    t.match(await run(executor, 'five', { exit: 3 }), { outcome: 'succeeded', exit_code: 0 })
    t.match(await run(executor, 'six'), {
      outcome: 'succeeded',
      output: { outputProperties: { from: 'secret' } },
    })
    await executor.remove()
  })

  for (const [image, isFirst] of [
    ['stays', false],
    ['go', false],
    ['go', true],
  ] as const)
    await test(`a runner that is killed finds the end of the job, and nothing of the plugin is needed: ${image}, ${isFirst ? 'the first' : 'another'} job`, async t => {
      const executor = await rig.launch(image)
      if (!isFirst) await run(executor, 'one', {}, image)
      const started = await begin(executor, 'two', { wait: 2 }, image)
      await started.says('waiting')
      started.watch.detach()
      executor.secretApi?.close()
      const { state } = started.handle
      const backend = rig.backend()
      const again = await backend.recover(state, started.execution.directory, new AbortController().signal)
      if (!again.ok) throw new Error(again.failure.message)
      t.match(await again.value.exited, { by: 'status', code: 0 })
      t.match(await again.value.output(100_000), { ok: true, value: Buffer })
      t.match(await inside(executor, 'pidof node || echo nobody'), isFirst ? /^nobody/ : /^\d+/)
      await again.value.keep()
      t.equal((await backend.close(executor.ref)).ok, true)
    })

  for (const STAYS of ['', 'initial'])
    await test(`with the SDK of Go, too, ${STAYS || 'list and watch'}`, async t => {
      const executor = await rig.launch('go')
      const pids = new Set<unknown>()
      const large = { size: 1_400_000 }
      for (const name of ['one', 'two', 'three', 'four']) {
        const job = {
          input: input(name, name === 'three' ? large : { fork: true, twice: true }),
          max_output_bytes: 4_000_000,
        }
        const end = await rig.run(executor, 'go', { ...job, env: { STAYS } })
        t.match(end, { outcome: 'succeeded', exit_code: 0 })
        t.match(end.output?.outputProperties, { greeting: `Hello ${name}`, from: 'tls' })
        const again = name === 'three' ? '' : 'again: 404\n'
        t.equal(
          end.log,
          `job ${name} with ${'*'.repeat(11)}\n${again}end of ${name}`,
          'to the last byte, and no other',
        )
        pids.add(end.output?.outputProperties.pid)
        t.notMatch(await inside(executor, 'ps -o stat,comm'), /^[^Z].* sleep/m)
        t.equal(await executor.sweep(), true, 'the container is as it was')
      }
      t.equal(pids.size, 1)
      await executor.remove()
    })

  await test('with the SDK of Go, others replace the one that ends, is ended, or does not answer', async t => {
    const executor = await rig.launch('go')
    const pids: unknown[] = []
    const another = async (name: string, asked = {}) => {
      const end = await run(executor, name, asked, 'go')
      t.match(end, {
        outcome: 'succeeded',
        log: new RegExp(`^job ${name}[\\s\\S]*end of ${name}$`),
        output: { outputProperties: { from: 'tls' } },
      })
      const { pid } = end.output!.outputProperties
      t.notOk(pids.includes(pid))
      pids.push(pid)
    }
    await another('one')
    const trapped = await begin(executor, 'two', { wait: 60, trap: true }, 'go')
    await trapped.says('waiting')
    trapped.watch.abort()
    t.match(await trapped.finished(), { outcome: 'aborted', log: /asked to end/ })
    await another('three')
    const late = await rig.run(executor, 'go', { input: input('four', { wait: 60 }), max_time_seconds: 1 })
    t.match(late, { outcome: 'failed', reason: 'timed-out' })
    await another('five')
    await inside(executor, 'kill -9 $(pidof node)')
    await another('six')
    const command = await rig.run(executor, 'go', {
      command: ['sh', '-c', 'pidof node nc || echo nobody; env'],
    })
    t.match(command, { outcome: 'succeeded', log: /^nobody\n/ })
    t.notMatch(command.log, /KUBE/)
    await another('seven', { deaf: true })
    await another('eight')
    await executor.remove()
  })

  await test('a plugin that has stayed and ends after a job is followed by one that stays', async t => {
    const executor = await rig.launch('stays')
    await run(executor, 'one')
    t.match(await run(executor, 'two', { exit: 0 }), { outcome: 'succeeded', exit_code: 0 })
    t.match(await run(executor, 'three'), { output: { outputProperties: { from: 'secret' } } })
    await executor.remove()
  })

  await test('sdk_daemon = no starts a plugin for each job', async t => {
    const executor = await rig.launch('stays', { sdk_daemon: 'no' })
    for (const name of ['one', 'two'])
      t.match(await run(executor, name), {
        outcome: 'succeeded',
        output: { outputProperties: { from: 'file' } },
      })
    await executor.remove()
  })
})
