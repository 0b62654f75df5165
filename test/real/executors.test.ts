import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/edges.ts'
import { executorNeeds, taskInput, World } from '../support/executors.ts'
import {
  compiler,
  makeImage,
  pluginImage,
  withBusybox,
  withProgram,
  withStaticProgram,
} from '../support/images.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(300_000)

/** Prints its words and environment, and writes a file of its own user. */
const staticSource = `
#include <stdio.h>
#include <unistd.h>
extern char **environ;
int main(int count, char **words) {
  for (int i = 0; i < count; i++) printf("word %s\\n", words[i]);
  for (char **e = environ; *e; e++) printf("env %s\\n", *e);
  char place[4096];
  printf("in %s as %d\\n", getcwd(place, sizeof place), getuid());
  return count;
}
`

testWith(t, 'executors', executorNeeds, async t => {
  await using world = await World.start()
  const { engine } = world
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["sh", "-c", "echo from the image"]'] })
  const test = (title: string, body: (t: Test) => Promise<void>) =>
    t.test(title, async t => {
      await body(t)
      t.same(await world.leftovers(), [], 'nothing is left')
    })

  await test('a job runs what its image says, and what it says instead', async t => {
    await makeImage(engine, 'words', {
      fill: withBusybox,
      changes: ['ENTRYPOINT ["sh", "-c", "echo \\"$0\\" \\"$@\\""]', 'CMD ["of the image"]'],
    })
    const executor = await world.launch('words')
    t.equal((await world.run(executor, 'words', {})).log, 'of the image\n')
    t.equal((await world.run(executor, 'words', { args: ['a', "it's\nb"] })).log, "a it's\nb\n")
    const end = await world.run(executor, 'words', { command: ['sh', '-c', 'echo over; exit 7'] })
    t.match(end, { log: 'over\n', outcome: 'failed', exit_code: 7, reason: 'exit-status' })
    await executor.remove()
  })

  await test('a job has the environment that docker run gives, and its own', async t => {
    const changes = ['ENV FROM_IMAGE="a b" IFS=x dotted.name=1 rnr_code=7', 'WORKDIR /app', 'USER 1234:5678']
    await makeImage(engine, 'environment', { fill: withBusybox, changes: [...changes, 'CMD ["env"]'] })
    const docker = await engine.docker('run', '--rm', '--network', 'none', 'environment')
    const executor = await world.launch('environment')
    const { log } = await world.run(executor, 'environment', { env: { OWN: "it's\ntwo", PATH: '/bin' } })
    const lines = (text: string) => text.split('\n').filter(line => !/^(HOSTNAME|PATH)=/.test(line))
    t.same(
      lines(log.trimEnd()).sort(),
      [...lines(docker), "OWN=it's", 'two'].sort(),
      'but for the name of the container',
    )
    const where = await world.run(executor, 'environment', {
      command: ['sh', '-c', 'pwd; id -u; id -g; cat /proc/self/comm; ls -l /proc/self/fd | wc -l'],
    })
    t.match(where.log, /^\/app\n1234\n5678\nsh|cat\n/)
    await executor.remove()
  })

  await test('a job has /dev/null for its input, may write to /dev/stderr, and its log is what it wrote', async t => {
    const script =
      'cat; echo one; echo two >/dev/stderr; echo three >>/dev/stdout; printf end; sleep 0.05; printf .'
    const end = await world.runAlone('box', { command: ['sh', '-c', script] })
    t.equal(end.log, 'one\ntwo\nthree\nend.')
    t.equal(end.log_length, end.log.length)
  })

  await test("an image's volume has what the image has there, and its owner", async t => {
    const context = join(engine.directory, 'volume')
    mkdirSync(context)
    const lines = [
      'FROM box',
      'RUN mkdir /v /w && echo kept > /v/file && chmod 777 /v && ln -s /v /w/l',
      'VOLUME /v /w',
    ]
    writeFileSync(join(context, 'Dockerfile'), lines.join('\n'))
    await engine.docker('build', '--quiet', '--network', 'none', '-t', 'volume', context)
    const executor = await world.launch('volume', { user: '77', read_only: true })
    const run = (script: string) => world.run(executor, 'volume', { command: ['sh', '-c', script] })
    t.equal((await run('cat /v/file; ls -A /w')).log, 'kept\nl\n')
    t.ok(await executor.sweep())
    t.match(await run('touch /v/new'), { outcome: 'succeeded' })
    t.notOk(await executor.sweep(), 'what is new there makes an end of it')
    await executor.remove()
    t.equal(await engine.docker('volume', 'ls', '-q'), '', 'volumes go too')
  })

  await test('signals have their usual effect on a job', async t => {
    const executor = await world.launch('box')
    for (const signal of ['INT', 'QUIT', 'TERM', 'HUP', 'PIPE', 'CHLD', 'USR1']) {
      const command = [
        'sh',
        '-c',
        `trap 'echo got it; exit 5' ${signal}; kill -${signal} $$; sleep 0.1; exit 1`,
      ]
      t.match(await world.run(executor, 'box', { command }), { log: 'got it\n', exit_code: 5 }, signal)
    }
    await executor.remove()
  })

  await test('its program is found over its own PATH, and a name of busybox is not busybox', async t => {
    await makeImage(engine, 'own', {
      fill: root => {
        withBusybox(root, [])
        withProgram(root, '/bin/dash', '/bin/dash')
      },
      files: {
        'bin/ls': '#!/bin/dash\necho "the ls of the image: $0"\n',
        'opt/tool': '#!/bin/dash\necho "found"\n',
        'opt/text': 'echo no\n',
      },
    })
    const executor = await world.launch('own')
    const run = (command: string[], env = {}) => world.run(executor, 'own', { command, env })
    t.equal((await run(['ls'])).log, 'the ls of the image: /bin/ls\n')
    t.equal((await run(['tool'], { PATH: '/nowhere::/opt' })).log, 'found\n')
    for (const [words, said] of [
      [['nope'], 'there is no program nope in '],
      [['/opt/nope'], 'there is no program /opt/nope'],
      [['/opt'], 'is a directory'],
      [['/etc/passwd'], 'is not executable'],
      [['/opt/text'], 'is neither a binary of this system nor a script'],
    ] as const) {
      const end = await run([...words])
      t.match(end, { outcome: 'failed', reason: 'not-startable', exit_code: 127 })
      t.ok(end.log.includes(said), `${words}: ${end.log}`)
    }
    await executor.remove()
  })

  await test('an image whose sh is not busybox serves as well', async t => {
    await makeImage(engine, 'dash', {
      fill: root => {
        withProgram(root, '/bin/dash', '/bin/sh')
        withProgram(root, '/bin/ls', '/usr/bin/ls')
      },
    })
    const end = await world.runAlone('dash', { command: ['sh', '-c', 'ls / | { read -r a; echo "$a"; }'] })
    t.match(end, { log: 'bin\n', outcome: 'succeeded' })
  })

  await testWith(t, 'FROM scratch, with a static binary and nothing else', [compiler], async t => {
    await makeImage(engine, 'scratch', {
      fill: root => withStaticProgram(root, 'tool', staticSource),
      changes: ['ENTRYPOINT ["/tool", "x"]', 'USER 4711', 'ENV A=b', 'WORKDIR /deep/down'],
    })
    const end = await world.runAlone('scratch', { args: ['y z'] }, { read_only: true })
    t.match(end, { outcome: 'failed', exit_code: 3 })
    t.match(end.log, /^word \/tool\nword x\nword y z\n/)
    t.match(end.log, /\nenv A=b\n/)
    t.match(end.log, /\nin \/deep\/down as 4711\n$/)
    t.same(await world.leftovers(), [])
  })

  await test('words that the system does not take, and signals that there are not, are failures that say so', async t => {
    const executor = await world.launch('box')
    t.match(await world.run(executor, 'box', { command: ['true', 'x'.repeat(200_000)] }), {
      ...{ outcome: 'failed', reason: 'not-startable', exit_code: 127 },
      log: /the job cannot be started: the system does not execute it\n$/,
    })
    await t.rejects(world.start(executor, 'box', { command: ['true'], abort_signal: 'SIGFOO' }), {
      message: /job-invalid.*SIGFOO is no signal/,
    })
    await executor.remove()
  })

  await test('an image without a command is refused, and it says so', async t => {
    await makeImage(engine, 'empty', { fill: withBusybox })
    const executor = await world.launch('empty')
    await t.rejects(
      world.run(executor, 'empty', {}),
      /has neither entry point nor command; give the job a command/,
    )
    await executor.remove()
  })

  await test('a container is shut in: no capabilities, no new privileges, limits, a read-only system', async t => {
    const script = `
grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status || cat /proc/self/status
touch /x 2>/dev/null && echo wrote the system
touch /tmp/x /dev/shm/x && echo wrote /tmp
touch /.runner/control/x 2>/dev/null && echo wrote control
`
    const command = ['/bin/busybox', 'sh', '-c', script]
    const end = await world.runAlone('box', { command }, { read_only: true, user: '99' })
    t.match(end.log, /CapBnd:\s+0{16}\n/)
    t.match(end.log, /NoNewPrivs:\s+1\n/)
    t.match(end.log, /\nwrote \/tmp\n$/)
    const executor = await world.launch('box', { memory: 64 * 1024 ** 2, pids: 20, cpus: 0.5 })
    const facts = JSON.parse(await engine.docker('inspect', `runner-${executor.id}`))[0]
    t.match(facts.HostConfig, { Memory: 67108864, MemorySwap: 67108864, PidsLimit: 20, NanoCpus: 5e8 })
    t.same(facts.Config.Healthcheck.Test, ['NONE'])
    t.equal(facts.Config.Labels['runner.uuid'], world.runnerId)
    await executor.remove()
  })

  await test('a plugin reads its sealed input and leaves a sealed output; no secret is in its log', async t => {
    await pluginImage(engine, 'plugin')
    const executor = await world.launch('plugin')
    const input = taskInput('test.greet', { name: 'World' }, { password: 's3cr3t-w0rd' })
    const end = await world.run(executor, 'plugin', { input })
    t.match(end, { outcome: 'succeeded', exit_code: 0, reason: null })
    t.same(end.output?.outputProperties, { greeting: 'Hello World', token: `t-${'*'.repeat(11)}` })
    t.notMatch(end.log, /s3cr3t-w0rd/)
    t.notMatch(end.log, Buffer.from('s3cr3t-w0rd').toString('base64'))
    t.match(end.log, /the password is \*{11}, \*+=*\n/)
    // What counts is what it says, not how long that is when it is sealed.
    const outputProperties = { greeting: 'Hello World', token: 't-s3cr3t-w0rd' }
    const max_output_bytes = JSON.stringify({ ...end.output, outputProperties }).length
    t.match(await world.run(executor, 'plugin', { input, max_output_bytes }), { outcome: 'succeeded' })
    t.match(await world.run(executor, 'plugin', { input, max_output_bytes: max_output_bytes - 1 }), {
      outcome: 'failed',
      error_message: `it ended with exit status 0, and its output has ${max_output_bytes} bytes: ${max_output_bytes - 1} are the most`,
    })
    await executor.remove()
  })

  await test('a wall clock that is set ahead ends no job', async t => {
    const executor = await world.launch('box')
    let ahead = 0
    const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) }
    const command = ['sh', '-c', 'echo began; sleep 3; echo done']
    const started = await world.start(executor, 'box', { command, max_time_seconds: 60 }, clock)
    await started.says('began')
    // It has been looked at by then.
    await systemClock.sleep(1)
    ahead = 86_400_000
    t.match(await started.finished(), { outcome: 'succeeded', log: 'began\ndone\n' })
    await executor.remove()
  })

  await test('an output wins over the exit status; no output is a failure that says so', async t => {
    const executor = await world.launch('plugin')
    const run = (type: string) =>
      world.run(executor, 'plugin', { input: taskInput(type, {}, { password: 'geheim' }) })
    t.match(await run('test.crash'), { outcome: 'succeeded', exit_code: 0, output: { exitCode: 0 } })
    t.match(await run('test.fail'), {
      ...{ outcome: 'failed', exit_code: 3, reason: 'plugin-failed' },
      error_message: 'it did not work with ******',
    })
    t.match(await run('test.nothing'), {
      ...{ outcome: 'failed', exit_code: 0, reason: 'no-output' },
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
      const end = await world.runAlone('shell-plugin', { input: taskInput('test.Shell', {}), ...job })
      t.match(end, { outcome: 'succeeded', output: { outputProperties: { url: 'http://release' } } })
    }
  })

  await test('an abort lets a handler run that leaves an output; who ignores it is killed', async t => {
    const executor = await world.launch('plugin')
    const job = await world.start(executor, 'plugin', { input: taskInput('test.wait', {}) })
    await job.says('waiting\n')
    job.watch.abort()
    job.watch.abort()
    t.match(await job.finished(), {
      ...{ outcome: 'aborted', exit_code: 1, reason: 'aborted', log: 'waiting\nasked to end\n' },
      error_message: 'aborted by its handler',
    })
    const script = 'trap "" TERM; sleep 1000 & echo deaf; while :; do sleep 0.1; done'
    const deaf = await world.start(executor, 'plugin', {
      command: ['sh', '-c', script],
      abort_timeout_seconds: 0.3,
    })
    await deaf.says('deaf\n')
    deaf.watch.abort()
    t.match(await deaf.finished(), { outcome: 'aborted', exit_code: 137, log: 'deaf\n' })
    t.ok(await executor.sweep(), 'the executor can be used again')
    await executor.remove()
  })

  await test('the abort signal is that of the job, else of the image, and goes to the program alone', async t => {
    await makeImage(engine, 'stops', { fill: withBusybox, changes: ['STOPSIGNAL SIGUSR2'] })
    const script = `
for s in USR1 USR2 TERM; do trap "echo program $s; exit 3" $s; done
sh -c 'for s in USR1 USR2 TERM; do trap "echo child $s" $s; done; echo ready; while :; do sleep 0.05; done' &
while :; do sleep 0.05; done`
    const executor = await world.launch('stops')
    for (const [job, signal] of [
      [{}, 'USR2'],
      [{ abort_signal: 'SIGUSR1' }, 'USR1'],
    ] as const) {
      const started = await world.start(executor, 'stops', { command: ['sh', '-c', script], ...job })
      await started.says('ready\n')
      started.watch.abort()
      t.equal((await started.finished()).log, `ready\nprogram ${signal}\n`)
    }
    await executor.remove()
  })

  await test('at its time limit a job gets the signal, its grace, and is then killed', async t => {
    const executor = await world.launch('box')
    const polite = await world.run(executor, 'box', {
      command: ['sh', '-c', 'trap "echo asked; exit 0" TERM; while :; do sleep 0.05; done'],
      max_time_seconds: 0.3,
    })
    t.match(polite, { outcome: 'failed', reason: 'timed-out', log: 'asked\n' })
    const deaf = await world.run(executor, 'box', {
      command: ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'],
      ...{ max_time_seconds: 0.2, abort_timeout_seconds: 0.2 },
    })
    t.match(deaf, { outcome: 'failed', reason: 'timed-out', error_message: 'it had not ended after 0.2 s' })
    await executor.remove()
  })

  for (const user of ['0', '1000'])
    await test(`nothing of one job of user ${user} is there for the next`, async t => {
      const executor = await world.launch('box', { user })
      const messy =
        'mkdir -p /tmp/b/c; touch /tmp/b/c/d; chmod 0 /tmp/b; echo x >/dev/shm/y; ln -s / /tmp/l; echo done'
      t.equal((await world.run(executor, 'box', { command: ['sh', '-c', messy] })).log, 'done\n')
      t.ok(await executor.sweep(), 'it can be used again')
      const { log } = await world.run(executor, 'box', { command: ['ls', '-A', '/tmp', '/dev/shm'] })
      t.equal(log, '/dev/shm:\n\n/tmp:\n')
      await executor.remove()
    })

  await test('nothing of one job is there for the next', async t => {
    const executor = await world.launch('box')
    const messy = `
echo a >/tmp/a; mkdir -p /tmp/b/c; chmod 0 /tmp/b; echo d >/dev/shm/d; mkdir /tmp/.hidden
setsid sleep 1000 & sleep 1000 &
echo done`
    const first = await world.run(executor, 'box', {
      ...{ command: ['sh', '-c', messy], env: { SECRET: 'x1y2z3' }, secret_env: { MORE: 'geheim' } },
    })
    t.equal(first.log, 'done\n')
    t.ok(await executor.sweep(), 'it can be used again')
    const look = 'ls -A /tmp /dev/shm /.runner/jobs 2>&1; env; ps -o args; cat /proc/1/environ'
    const { log } = await world.run(executor, 'box', { command: ['sh', '-c', look] })
    t.notMatch(log, /SECRET|MORE|x1y2z3|sleep|hidden|\n[abd]\n/)
    for (const dirty of ['echo x >/etc/x', 'rm /etc/passwd', 'touch /dev/x', 'chmod 700 /tmp']) {
      t.ok(await executor.sweep(), `clean before ${dirty}`)
      await world.run(executor, 'box', { command: ['sh', '-c', dirty] })
      t.notOk(await executor.sweep(), `not after ${dirty}`)
      await world.run(executor, 'box', {
        command: ['sh', '-c', 'rm -f /dev/x; chmod 1777 /tmp; true'],
      })
      if (dirty.includes('/etc')) break
    }
    await executor.remove()
  })

  await test('a busybox for containers that a crash has cut off is made anew', async t => {
    const kept = join(engine.directory, 'state', 'bin', 'busybox')
    rmSync(`${kept}.sealed`, { force: true })
    writeFileSync(`${kept}.sealed`, '')
    t.match(await world.runAlone('box', { command: ['true'] }), { outcome: 'succeeded' })
    t.equal(statSync(`${kept}.sealed`).mode & 0o777, 0o111, 'nobody can read it')
  })

  await test('a job that is removed as soon as its end is written takes no container with it', async t => {
    // One that is often kept waiting for a processor.
    const executor = await world.launch('box', { cpus: 0.05 })
    for (let round = 0; round < 30; round++) {
      const job = await world.start(executor, 'box', { command: ['true'] })
      await job.watch.ended
      await job.execution.remove()
      t.ok(await executor.sweep())
    }
    await executor.remove()
  })

  await test('a job that runs out of memory says so', async t => {
    const command = ['sh', '-c', 'echo filling; tail /dev/zero']
    const end = await world.runAlone('box', { command }, { memory: 32 * 1024 ** 2 })
    t.match(end, { outcome: 'failed', reason: 'out-of-memory', log: /^filling\n/ })
  })

  await test('a container that ends by itself ends its job as a failure that says so', async t => {
    const executor = await world.launch('box')
    const job = await world.start(executor, 'box', { command: ['sh', '-c', 'echo here; sleep 1000'] })
    await job.says('here\n')
    await executor.kill()
    t.match(await job.finished(), {
      ...{ outcome: 'failed', reason: 'executor-lost', exit_code: null, log: 'here\n' },
      error_message: /^its container ended while it ran/,
    })
    const again = await world.start(executor, 'box', { command: ['true'] }).catch(error => error as Error)
    t.match(again, /nobody takes orders/)
    await executor.remove()
  })

  await test('a warm start costs a fork', async t => {
    const executor = await world.launch('box')
    const times: number[] = []
    for (let job = 0; job < 15; job++) {
      const began = performance.now()
      const started = await world.start(executor, 'box', { command: ['true'] })
      const handed = performance.now()
      await started.watch.ended
      const ended = performance.now()
      times.push(ended - began)
      t.comment(`${(handed - began).toFixed(1)} + ${(ended - handed).toFixed(1)}`)
      await started.finished()
    }
    const median = times.sort((a, b) => a - b)[7]!
    const run = performance.now()
    execFileSync('docker', [
      '-H',
      `unix://${engine.socket}`,
      'run',
      '--rm',
      '--network',
      'none',
      'box',
      'true',
    ])
    const cold = performance.now() - run
    t.comment(`a warm job takes ${median.toFixed(1)} ms, docker run --rm ${cold.toFixed(0)} ms`)
    t.ok(median < cold / 2, 'far less than a container')
    await executor.remove()
  })
})
