import { existsSync, readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Engine } from '../../../support/engine.ts'
import { executorNeeds } from '../../../support/executors.ts'
import { Hold } from '../../../support/hold.ts'
import { makeImage, pluginImage, stayingPluginImage, withBusybox } from '../../../support/images.ts'
import { inProcess } from '../../../support/in-process.ts'
import { testWith } from '../../../support/require.ts'
import { type Rig, rigTest } from '../../../support/rig.ts'

t.setTimeout(900_000)

testWith(t, 'runner plugin run', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  await pluginImage(engine, 'plugin')
  await stayingPluginImage(engine, 'stays', 'USER 1001')
  const config = `[executor]\ndocker_host = unix://${engine.socket}\nnetwork = none\npull = never\nmemory = 256M\n`
  const test = (title: string, body: (t: Test, rig: Rig) => Promise<unknown>) =>
    rigTest(t, title, { config }, async (t, rig) => {
      rig.file('pw', 's3cr3t-w0rd\n', 0o600)
      await body(t, rig)
      t.same(await engine.containers(), [], 'no container is left')
      const left = ['plugin-run', 'work'].flatMap(name => {
        const path = rig.path('state', 'remote', name)
        return existsSync(path) ? readdirSync(path) : []
      })
      t.same(left, [], 'no file either')
    })
  const run = async (rig: Rig, ...args: string[]) => {
    const run = rig.start(['plugin', 'run', ...args])
    const status = await run.ended
    return { status, out: Buffer.concat(run.out).toString(), err: Buffer.concat(run.err).toString() }
  }
  /** The same in this process, without a start of the program. */
  const inside = (rig: Rig, ...args: string[]) =>
    inProcess(['-c', rig.path('runner.cfg'), 'plugin', 'run', ...args])

  await test('shows log, comments, status line and outputs, and no secret', async (t, rig) => {
    const task = ['--type', 'test.greet', '--input', 'name=World', '--secret', 'password=@pw']
    const outputs = ['--output', 'greeting', '--secret-output', 'token']
    const { status, out, err } = await run(rig, 'plugin', ...task, ...outputs)
    t.equal(
      out,
      'status: greeting\ncomment: Hello\nWorld\nthe password is ***********, **************==\n'.replace(
        '**************==',
        out.match(/, (\*+=*)\n/)?.[1] ?? 'nothing',
      ),
    )
    t.match(
      err,
      /^runner: status line: greeting\nrunner: outputs:\nrunner: {3}greeting = Hello World\nrunner: {3}token {4}= \*{8}\nrunner: succeeded in [\d.]+ s\n$/,
    )
    t.equal(status, 0)
    t.notMatch(out + err, 's3cr3t')
  })

  await test('a job that is repeated runs in the same container, and ends at its first failure', async (t, rig) => {
    const task = ['--type', 'test.any', '--input', 'name=World', '--secret', 'password=@pw']
    const three = await run(rig, 'stays', ...task, '--output', 'pid', '--repeat', '3')
    t.equal(three.status, 0)
    t.match(three.out, /^(job World with \*{11}\nend of World\n){3}$/)
    t.match(three.err, /run 1 of 3 took [\d.]+ s\n[\s\S]*run 2 of 3 took [\d.]+ s\n/)
    const pids = [...three.err.matchAll(/ pid +=\s+(\d+)/g)].map(([, pid]) => pid)
    t.equal(pids.length, 3)
    t.equal(new Set(pids).size, 1, 'the plugin stays')
    const failing = await inside(rig, 'box', '--repeat', '3', '--', 'sh', '-c', 'echo once; exit 3')
    t.match(failing, { status: 3, out: 'once\n', err: /run 1 of 3/ })
    t.match(await run(rig, 'box', '--repeat', '0', '--', 'true'), { status: 64, err: /from 1 to 99999/ })
  })

  await test('ends with its exit code', async (t, rig) => {
    t.match(await inside(rig, 'plugin', '--type', 'test.fail', '--secret', `password=@${rig.path('pw')}`), {
      status: 3,
      err: /runner: failed after [\d.]+ s: it did not work with \*{11}\n$/,
    })
    t.match(await inside(rig, 'plugin', '--type', 'test.nothing'), { status: 1, err: /left no output/ })
    const { status, out } = await run(
      rig,
      'box',
      '--env',
      'A=b',
      '--',
      'sh',
      '-c',
      'echo $A; printf end; exit 42',
    )
    t.match({ status, out }, { status: 42, out: 'b\nend\n' })
    t.match(await run(rig, 'box', '--', 'sh', '-c', 'exit 255'), {
      status: 255,
      err: /it ended with exit status 255/,
    })
  })

  await test('shows what a plugin leaves as what the plugin has said, and masked', async (t, rig) => {
    const task = ['plugin', '--type', 'test.forge', '--secret', `password=@${rig.path('pw')}`]
    const { status, err } = await inside(rig, ...task)
    t.equal(status, 1)
    t.match(
      err,
      /^runner: outputs:\nrunner: {3}again = \*{11}\nrunner: {3}list {2}= \["is \*{11}"\]\nrunner: {3}text {2}= \\x1b\[31mred\nrunner: {11}runner: succeeded\nrunner: failed after [\d.]+ s: no\nrunner: +runner: succeeded\n$/,
    )
    const { out } = await inside(rig, '--json', ...task)
    t.match(JSON.parse(out.trimEnd().split('\n').at(-1)!), {
      output: { outputProperties: { again: '*'.repeat(11), list: [`is ${'*'.repeat(11)}`] } },
    })
  })

  await test('--json has whole characters, in whatever pieces they come', async (t, rig) => {
    // Blocks of which each begins and ends within a character.
    const script = '(printf a; yes é | tr -d "\\n") | dd bs=65536 count=10 iflag=fullblock 2>/dev/null'
    const { out } = await inside(rig, '--json', 'box', '--', 'sh', '-c', script)
    const events = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as { text?: string })
    t.ok(events.map(({ text = '' }) => text).join('') === `a${'é'.repeat(327_679)}\ufffd`)
  })

  await test('--plain and --json serve scripts', async (t, rig) => {
    const { status, out } = await run(
      rig,
      'plugin',
      '--json',
      '--plain',
      '--type',
      'test.greet',
      '--secret',
      'password=@pw',
      '--secret-output',
      'token',
      '--input',
      'name=x',
    )
    const events = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    t.equal(status, 0)
    t.same([...new Set(events.map(({ event }) => event))], ['job:started', 'job:log', 'job:ended'])
    t.match(events.at(-1), {
      outcome: 'succeeded',
      comments: ['Hello\nx'],
      status_line: 'greeting',
      output: { outputProperties: { greeting: 'Hello x', token: '********' } },
    })
  })

  await test('Ctrl-C asks it to end, and lets its handler run', async (t, rig) => {
    const job = rig.start(['plugin', 'run', 'plugin', '--type', 'test.wait'])
    await job.says('waiting')
    job.child.kill('SIGINT')
    t.equal(await job.ended, 130)
    t.match(job.text, /waiting\nasked to end\n/)
    t.match(job.text, /runner: aborted after [\d.]+ s: aborted by its handler\n/)
  })

  await test('a second Ctrl-C does not wait', async (t, rig) => {
    const job = rig.start([
      'plugin',
      'run',
      'box',
      '--',
      'sh',
      '-c',
      'trap "echo asked" TERM; echo up; while :; do sleep 1000 & wait; done',
    ])
    await job.says('up')
    job.child.kill('SIGINT')
    // Of two signals that wait at once either may be taken first.
    await job.says('asked')
    job.child.kill('SIGTERM')
    t.equal(await job.ended, 130)
  })

  /** Starts one, and holds what it asks the engine for with such a path. */
  const holdAt = async (rig: Rig, path: RegExp, ...args: string[]) => {
    const hold = await Hold.to(engine.socket)
    rig.configure({}, config.replace(/docker_host.*/, `docker_host = ${hold.url}`))
    const held = hold.next(path, 'request')
    return { hold, held, job: rig.start(['plugin', 'run', ...args]) }
  }
  const notStarted = 'it will not be started; Ctrl-C once more leaves at once'

  for (const [what, path, ...args] of [
    ['its image is pulled', /^POST \S+images\/create/, '--pull', 'missing', 'nope'],
    ['its container starts', /^POST \S+\/start/, 'box'],
  ] as const)
    await test(`Ctrl-C while ${what}: it is not started`, async (t, rig) => {
      const { hold, held, job } = await holdAt(rig, path, ...args, '--', 'echo', 'up')
      await using _ = hold
      await held
      job.child.kill('SIGINT')
      await job.says(notStarted)
      hold.release()
      t.equal(await job.ended, 130)
      t.match(job.text, /runner: it has not been run: it was asked to end before it had started\n$/)
      t.notMatch(job.text, /^up/m)
    })

  await test('a second Ctrl-C leaves at once where nothing has started', async (t, rig) => {
    const { hold, held, job } = await holdAt(rig, /^POST \S+\/start/, 'box', '--', 'true')
    await using _ = hold
    await held
    job.child.kill('SIGTERM')
    await job.says(notStarted)
    job.child.kill('SIGINT')
    t.equal(await job.ended, 143)
    rig.configure({}, config)
    t.match(await inside(rig, 'box', '--', 'true'), { status: 0 }, 'which removes what is left')
  })

  await test('a third Ctrl-C leaves at once', async (t, rig) => {
    const script = 'trap "echo asked" TERM; echo up; while :; do sleep 1000 & wait; done'
    const { hold, held, job } = await holdAt(
      rig,
      /^DELETE \S*\/containers\//,
      'box',
      '--',
      'sh',
      '-c',
      script,
    )
    await using _ = hold
    await job.says('up')
    job.child.kill('SIGINT')
    await job.says('asked')
    job.child.kill('SIGINT')
    await held
    job.child.kill('SIGINT')
    t.equal(await job.ended, 130)
    rig.configure({}, config)
    t.match(await inside(rig, 'box', '--', 'true'), { status: 0 }, 'which removes what is left')
  })

  await test('ends when nobody reads its log any more', async (t, rig) => {
    const job = rig.start(['plugin', 'run', 'box', '--', 'yes'])
    await job.says('y\n')
    job.child.stdout!.destroy()
    t.equal(await job.ended, 8)
    t.match(
      Buffer.concat(job.err).toString(),
      /nobody reads its log any more: it is asked to end\nrunner: aborted/,
    )
  })

  await test('doctor that is not waited for leaves nothing for good', async (t, rig) => {
    await using hold = await Hold.to(engine.socket)
    rig.configure({}, config.replace(/docker_host.*/, `docker_host = ${hold.url}`))
    const ready = hold.next(/^DELETE \S*\/containers\//, 'request')
    const doctor = rig.start(['doctor'])
    await ready
    doctor.child.kill('SIGINT')
    await doctor.says('stops when this check has ended')
    doctor.child.kill('SIGINT')
    t.equal(await doctor.ended, 130)
    t.equal((await engine.running()).length, 1, 'its container lives')
    rig.configure({}, config)
    const again = rig.start(['doctor', '--json'])
    t.equal(await again.ended, 1, 'there is no server')
    const { checks } = JSON.parse(Buffer.concat(again.out).toString())
    const checkOf = (name: string) => checks.find(({ check }: { check: string }) => check === name)
    t.match(checkOf('a job'), { result: 'ok' })
    t.match(checkOf('reuse'), {
      result: 'ok',
      message:
        /used again for jobs of one trust domain \(storage driver overlay2, plugins of the SDKs of Python and Go stay\)/,
    })
  })

  await test('what a killed one left goes with the next', async (t, rig) => {
    const job = rig.start(['plugin', 'run', 'box', '--', 'sh', '-c', 'echo up; sleep 1000'])
    await job.says('up')
    job.child.kill('SIGKILL')
    await job.ended
    t.equal((await engine.running()).length, 1, 'its container lives')
    t.match(await inside(rig, 'box', '--', 'true'), { status: 0 })
  })

  await test('says what is wrong with a definition, as a server would', async (t, rig) => {
    const wrong: [definition: unknown, said: RegExp][] = [
      [
        { command: ['true'], abort_signal: 'sigusr1' },
        /abort_signal in the definition must be the name of a signal/,
      ],
      [{ input: 5 }, /input in the definition must be object/],
      [{ input: {} }, /input in the definition has no field "task"/],
      [{ input: { task: null } }, /input.task in the definition must be object/],
      [{ input: { task: { type: 'a.B', properties: 5 } } }, /input.task.properties in .* must be array/],
      [{ input: { task: { type: 'a.B', properties: [null] } } }, /properties.0 in .* must be object/],
      [
        {
          command: ['true'],
          secret_env: { A: 'x'.repeat(100_000), B: 'y'.repeat(100_000), C: 'z'.repeat(100_000) },
        },
        /the secrets have 300000 bytes together; 262144 are the most/,
      ],
    ]
    for (const [definition, said] of wrong)
      t.match(await inside(rig, 'box', '--file', rig.file('definition', JSON.stringify(definition))), {
        status: 64,
        err: said,
      })
    t.match(await inside(rig, '', '--', 'true'), {
      status: 64,
      err: /image in the definition is empty/,
    })
    t.match(await run(rig, 'box', '--abort-signal', 'SIGFOO', '--', 'true'), {
      status: 64,
      err: /must be the name of a signal/,
    })
  })

  await test('says what keeps it from being run', async (t, rig) => {
    t.match(await inside(rig, 'nope', '--', 'true'), {
      status: 69,
      err: /the image nope is not on this host, and pull = never/,
    })
    t.match(await inside(rig, 'box'), {
      status: 64,
      err: /--type prefix.ClassName .* or after -- a command of the image/,
    })
    t.match(await inside(rig, 'box', '--', 'nope'), { status: 127, out: /there is no program nope in / })
    t.match(await inside(rig, 'box', '--type', 'a.B', '--secret', 'pw=geheim'), {
      status: 64,
      err: /can be seen by all users/,
    })
    t.match(await inside(rig, '../../containers/json', '--', 'true'), {
      status: 69,
      err: /the engine did not look up the image \S+: \w+/,
    })
    rig.configure({}, '[executor]\ndocker_host = unix:///nowhere/docker.sock\n')
    t.match(await inside(rig, 'box', '--', 'true'), {
      status: 69,
      err: /the engine at unix:\/\/\/nowhere\/docker.sock cannot be reached: .*; start the engine, or name another one/,
    })
    rig.configure({}, '[executor]\nmemory = 1k\npull = sometimes\nimage = x\n')
    t.match(await inside(rig, 'box', '--', 'true'), {
      status: 78,
      err: /engines take no less than 6M[\s\S]*missing, always or never|missing, always or never[\s\S]*no less than 6M/,
    })
    rig.configure({}, `${config}images = registry.example/*\n`)
    t.match(await inside(rig, 'box', '--', 'true'), {
      status: 69,
      err: /the image box is not allowed: images in \[executor\] allows registry.example\/\*/,
    })
  })
})
