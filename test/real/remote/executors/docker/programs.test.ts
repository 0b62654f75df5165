/* The programs that a job runs, and the things that they find in their container. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EngineRig, executorNeeds } from '../../../../support/executors.ts'
import {
  compiler,
  makeImage,
  withBusybox,
  withProgram,
  withStaticProgram,
} from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

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

testWith(t, 'programs in containers', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  const { engine } = rig
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = rig.testsOf(t)

  await test('a job runs what its image says, and what it says instead', async t => {
    await makeImage(engine, 'words', {
      fill: withBusybox,
      changes: ['ENTRYPOINT ["sh", "-c", "echo \\"$0\\" \\"$@\\""]', 'CMD ["of the image"]'],
    })
    const executor = await rig.launch('words')
    t.equal((await rig.run(executor, 'words', {})).log, 'of the image\n')
    t.equal((await rig.run(executor, 'words', { args: ['a', "it's\nb"] })).log, "a it's\nb\n")
    const end = await rig.run(executor, 'words', { command: ['sh', '-c', 'echo over; exit 7'] })
    t.match(end, { log: 'over\n', outcome: 'failed', exit_code: 7, reason: 'exit-status' })
    await executor.remove()
  })

  await test('a job has the environment that docker run gives, and its own', async t => {
    const changes = ['ENV FROM_IMAGE="a b" IFS=x dotted.name=1 rnr_code=7', 'WORKDIR /app', 'USER 1234:5678']
    await makeImage(engine, 'environment', { fill: withBusybox, changes: [...changes, 'CMD ["env"]'] })
    const docker = await engine.docker('run', '--rm', '--network', 'none', 'environment')
    const executor = await rig.launch('environment')
    const { log } = await rig.run(executor, 'environment', { env: { OWN: "it's\ntwo", PATH: '/bin' } })
    const lines = (text: string) => text.split('\n').filter(line => !/^(HOSTNAME|PATH)=/.test(line))
    t.same(
      lines(log.trimEnd()).sort(),
      [...lines(docker), "OWN=it's", 'two'].sort(),
      'but for the name of the container',
    )
    const where = await rig.run(executor, 'environment', {
      command: ['sh', '-c', 'pwd; id -u; id -g; cat /proc/self/comm; ls -l /proc/self/fd | wc -l'],
    })
    t.match(where.log, /^\/app\n1234\n5678\nsh|cat\n/)
    await executor.remove()
  })

  await test('a job has /dev/null for its input, may write to /dev/stderr, and its log is what it wrote', async t => {
    const script =
      'cat; echo one; echo two >/dev/stderr; echo three >>/dev/stdout; printf end; sleep 0.05; printf .'
    const end = await rig.runAlone('box', { command: ['sh', '-c', script] })
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
    const executor = await rig.launch('volume', { user: '77', read_only: true })
    const run = (script: string) => rig.run(executor, 'volume', { command: ['sh', '-c', script] })
    t.equal((await run('cat /v/file; ls -A /w')).log, 'kept\nl\n')
    t.ok(await executor.sweep())
    t.match(await run('touch /v/new'), { outcome: 'succeeded' })
    t.notOk(await executor.sweep(), 'what is new there makes an end of it')
    await executor.remove()
    t.equal(await engine.docker('volume', 'ls', '-q'), '', 'volumes go too')
  })

  await test('signals have their usual effect on a job', async t => {
    const executor = await rig.launch('box')
    for (const signal of ['INT', 'QUIT', 'TERM', 'HUP', 'PIPE', 'CHLD', 'USR1']) {
      const command = [
        'sh',
        '-c',
        `trap 'echo got it; exit 5' ${signal}; kill -${signal} $$; sleep 0.1; exit 1`,
      ]
      t.match(await rig.run(executor, 'box', { command }), { log: 'got it\n', exit_code: 5 }, signal)
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
    const executor = await rig.launch('own')
    const run = (command: string[], env = {}) => rig.run(executor, 'own', { command, env })
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
    const end = await rig.runAlone('dash', { command: ['sh', '-c', 'ls / | { read -r a; echo "$a"; }'] })
    t.match(end, { log: 'bin\n', outcome: 'succeeded' })
  })

  await testWith(t, 'FROM scratch, with a static binary and nothing else', [compiler], async t => {
    await makeImage(engine, 'scratch', {
      fill: root => withStaticProgram(root, 'tool', staticSource),
      changes: ['ENTRYPOINT ["/tool", "x"]', 'USER 4711', 'ENV A=b', 'WORKDIR /deep/down'],
    })
    const end = await rig.runAlone('scratch', { args: ['y z'] }, { read_only: true })
    t.match(end, { outcome: 'failed', exit_code: 3 })
    t.match(end.log, /^word \/tool\nword x\nword y z\n/)
    t.match(end.log, /\nenv A=b\n/)
    t.match(end.log, /\nin \/deep\/down as 4711\n$/)
    t.same(await rig.leftovers(), [])
  })

  await test('words that the system does not take, and signals that there are not, are failures that say so', async t => {
    const executor = await rig.launch('box')
    t.match(await rig.run(executor, 'box', { command: ['true', 'x'.repeat(200_000)] }), {
      outcome: 'failed',
      reason: 'not-startable',
      exit_code: 127,
      log: /the job cannot be started: the system does not execute it\n$/,
    })
    await t.rejects(rig.start(executor, 'box', { command: ['true'], abort_signal: 'SIGFOO' }), {
      message: /job-invalid.*SIGFOO is not a signal/,
    })
    await executor.remove()
  })

  await test('an image without a command is refused, and it says so', async t => {
    await makeImage(engine, 'empty', { fill: withBusybox })
    const executor = await rig.launch('empty')
    await t.rejects(
      rig.run(executor, 'empty', {}),
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
    const end = await rig.runAlone('box', { command }, { read_only: true, user: '99' })
    t.match(end.log, /CapBnd:\s+0{16}\n/)
    t.match(end.log, /NoNewPrivs:\s+1\n/)
    t.match(end.log, /\nwrote \/tmp\n$/)
    const executor = await rig.launch('box', { memory: 64 * 1024 ** 2, pids: 20, cpus: 0.5 })
    const facts = JSON.parse(await engine.docker('inspect', `runner-${executor.id}`))[0]
    t.match(facts.HostConfig, { Memory: 67108864, MemorySwap: 67108864, PidsLimit: 20, NanoCpus: 5e8 })
    t.same(facts.Config.Healthcheck.Test, ['NONE'])
    t.equal(facts.Config.Labels['runner.uuid'], rig.runnerId)
    await executor.remove()
  })
})
