/* Plugins: their input, their output, and their end. */
import t from 'tap'
import { EngineRig, executorNeeds, taskInput } from '../../../../support/executors.ts'
import { makeImage, pluginImage, withBusybox } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

testWith(t, 'plugins in containers', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  const { engine } = rig
  await pluginImage(engine, 'plugin')
  const test = rig.testsOf(t)

  await test('a plugin reads its sealed input and leaves a sealed output; no secret is in its log', async t => {
    const executor = await rig.launch('plugin')
    const input = taskInput('test.greet', { name: 'World' }, { password: 's3cr3t-w0rd' })
    const end = await rig.run(executor, 'plugin', { input })
    t.match(end, { outcome: 'succeeded', exit_code: 0, reason: null })
    t.same(end.output?.outputProperties, { greeting: 'Hello World', token: `t-${'*'.repeat(11)}` })
    t.notMatch(end.log, /s3cr3t-w0rd/)
    t.notMatch(end.log, Buffer.from('s3cr3t-w0rd').toString('base64'))
    t.match(end.log, /the password is \*{11}, \*+=*\n/)
    // The limit is for the text of an output, not for the length of the sealed text.
    const outputProperties = { greeting: 'Hello World', token: 't-s3cr3t-w0rd' }
    const max_output_bytes = JSON.stringify({ ...end.output, outputProperties }).length
    t.match(await rig.run(executor, 'plugin', { input, max_output_bytes }), { outcome: 'succeeded' })
    t.match(await rig.run(executor, 'plugin', { input, max_output_bytes: max_output_bytes - 1 }), {
      outcome: 'failed',
      error_message: `it ended with exit status 0, and its output has ${max_output_bytes} bytes: ${max_output_bytes - 1} are the most`,
    })
    await executor.remove()
  })

  await test('an output wins over the exit status; no output is a failure that says so', async t => {
    const executor = await rig.launch('plugin')
    const run = (type: string) =>
      rig.run(executor, 'plugin', { input: taskInput(type, {}, { password: 'geheim' }) })
    t.match(await run('test.crash'), { outcome: 'succeeded', exit_code: 0, output: { exitCode: 0 } })
    t.match(await run('test.fail'), {
      outcome: 'failed',
      exit_code: 3,
      reason: 'plugin-failed',
      error_message: 'it did not work with ******',
    })
    t.match(await run('test.nothing'), {
      outcome: 'failed',
      exit_code: 0,
      reason: 'no-output',
      error_message: 'it ended with exit status 0 and left no output at OUTPUT_LOCATION',
    })
    t.match(await run('test.unknown'), { outcome: 'failed', exit_code: 1, reason: 'no-output' })
    await executor.remove()
  })

  await test('a plugin in plain sh follows the contract, with and without sealing', async t => {
    const script = `
[ -s "$INPUT_LOCATION" ] || exit 9
case $SESSION_KEY in '') grep -q '"type":"test.Shell"' "$INPUT_LOCATION" || exit 8 ;; esac
echo "##[start: comment]from sh##[end: comment]"
printf '{"exitCode": 0, "jobErrorMessage": "", "outputProperties": {"url": "%s"}}' "$RELEASE_URL" >"$OUTPUT_LOCATION"
exit 4
`
    await makeImage(engine, 'shell-plugin', {
      fill: root => withBusybox(root, ['sh', 'cat', 'grep', 'printf']),
      files: { plugin: `#!/bin/sh\n${script}` },
      changes: ['CMD ["/plugin"]', 'USER 1000'],
    })
    for (const job of [{}, { session_key: '' }]) {
      const end = await rig.runAlone('shell-plugin', { input: taskInput('test.Shell', {}), ...job })
      t.match(end, { outcome: 'succeeded', output: { outputProperties: { url: 'http://release' } } })
    }
  })

  await test('an abort lets a handler run that leaves an output; who ignores it is killed', async t => {
    const executor = await rig.launch('plugin')
    const job = await rig.start(executor, 'plugin', { input: taskInput('test.wait', {}) })
    await job.says('waiting\n')
    job.watch.abort()
    job.watch.abort()
    t.match(await job.finished(), {
      outcome: 'aborted',
      exit_code: 1,
      reason: 'aborted',
      log: 'waiting\nasked to end\n',
      error_message: 'aborted by its handler',
    })
    const script = 'trap "" TERM; sleep 1000 & echo deaf; while :; do sleep 0.1; done'
    const deaf = await rig.start(executor, 'plugin', {
      command: ['sh', '-c', script],
      abort_timeout_seconds: 0.3,
    })
    await deaf.says('deaf\n')
    deaf.watch.abort()
    t.match(await deaf.finished(), { outcome: 'aborted', exit_code: 137, log: 'deaf\n' })
    t.ok(await executor.sweep(), 'the executor can be used again')
    await executor.remove()
  })
})
