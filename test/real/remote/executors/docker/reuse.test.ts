/*
 * The things that a job of root can leave in its container for the next one: each way ends with a container
 * that is not used again, or with nothing that the next job could find.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Containers } from '../../../../../src/remote/executors/docker/containers.ts'
import { EngineRig, executorNeeds, forSeveral, value } from '../../../../support/executors.ts'
import { compiler, makeImage, withBusybox, withStaticProgram } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

const good = '#!/bin/sh\necho good\n'
/** A script of the same length as the one that it replaces. */
const evil = '#!/bin/sh\necho evil\n'

/** Abilities that a shell lacks. */
const powers = `
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/xattr.h>
int main(int count, char **words) {
  int done = -1;
  if (!strcmp(words[1], "mark")) done = setxattr(words[2], "user.left", "behind", 6, 0);
  if (!strcmp(words[1], "allow")) {
    /* A default access list with an entry for user 4711. */
    unsigned char list[] = {2,0,0,0, 1,0,7,0,255,255,255,255, 2,0,7,0,103,18,0,0, 4,0,7,0,255,255,255,255,
                            16,0,7,0,255,255,255,255, 32,0,7,0,255,255,255,255};
    done = setxattr(words[2], "system.posix_acl_default", list, sizeof list, 0);
  }
  if (!strcmp(words[1], "limit")) {
    struct rlimit few = {32, 32};
    done = prlimit(1, RLIMIT_NOFILE, &few, NULL);
  }
  if (!strcmp(words[1], "memory")) done = shmget(4711, 4096, IPC_CREAT | 0666) < 0 ? -1 : 0;
  if (done) perror(words[1]);
  return done ? 1 : 0;
}
`

const restoring = (path: string, write: string) =>
  `busybox touch -r ${path} /tmp/time; ${write}; busybox touch -r /tmp/time ${path}`

type Way = [title: string, script: string]

/** Ways that work, in files of the image, which the storage driver keeps; the container has to go. */
const imageWays: Way[] = [
  [
    'another program of the same size and time',
    restoring('/app/tool', `printf '${evil.replaceAll('\n', '\\n')}' >/app/tool`),
  ],
  ['a program that was moved away and back', 'mv /app/tool /app/t; mv /app/t /app/tool'],
  ['a file beside the supervisor', 'echo x >/.runner/x'],
  ['the time of the root directory', 'busybox touch -d @4711 /'],
]
const compiledImageWays: Way[] = [
  ['an attribute of the root directory', '/powers mark /'],
  ['an attribute of a directory of the image', '/powers mark /app'],
  ['a default access list of a directory of the image', '/powers allow /app'],
]

/**
 * Ways that work outside the image: in files that the engine mounts, devices, processes. They are the same
 * with each storage driver.
 */
const otherWays: Way[] = [
  ['a name in /etc/hosts', 'echo 192.0.2.1 example.org >>/etc/hosts'],
  ['a name server in /etc/resolv.conf', 'echo nameserver 192.0.2.1 >/etc/resolv.conf'],
  [
    'a letter of /etc/hostname, with its size and time put back',
    restoring('/etc/hostname', 'busybox tr 0-9 x </etc/hostname >/tmp/n; cat /tmp/n >/etc/hostname'),
  ],
  ['urandom and zero in the place of each other', 'cd /dev; mv urandom x; mv zero urandom; mv x zero'],
  ['standard output that leads into a file', 'rm /dev/stdout; ln -s /tmp/caught /dev/stdout'],
  ['a link of /dev that was made anew', 'rm /dev/stdout; ln -s /proc/self/fd/1 /dev/stdout'],
  ['a file in /dev', 'echo x >/dev/x'],
  ['the mode of a terminal', 'busybox chmod 600 /dev/pts/ptmx'],
  ['the mode of /dev/mqueue', 'busybox chmod 1700 /dev/mqueue'],
  ['a file in a volume that was empty', 'echo x >/empty/x'],
  ['a file in a volume that was removed again', 'echo x >/empty/x; rm /empty/x'],
  ['a file of a volume with its size and time put back', restoring('/full/file', 'printf evil >/full/file')],
  ['a file in a volume beside the supervisor', 'echo x >/.runner/volume/x'],
  ['how soon the kernel ends its supervisor for want of memory', 'echo 500 >/proc/1/oom_score_adj'],
  ['the niceness of its supervisor', 'busybox renice -n 5 -p 1'],
  ['the processors of its supervisor', 'busybox taskset -p 1 1'],
  ['the disk priority of its supervisor', 'busybox ionice -c 3 -p 1'],
  ['what cores of its supervisor hold', 'echo 1 >/proc/1/coredump_filter'],
]
const compiledOtherWays: Way[] = [
  ['an attribute of a volume', '/powers mark /empty'],
  ['the limits of its supervisor', '/powers limit'],
  ['shared memory', '/powers memory'],
]

/** Attempts that must fail: the script of a job, and the output that the next one must see. */
const deadEnds: [title: string, script: string, look: string, seen: string][] = [
  [
    'files in /sys',
    'for d in /sys /sys/fs/cgroup; do busybox chmod 777 $d; touch $d/left; done 2>/dev/null',
    'ls -d /sys/left /sys/fs/cgroup/left 2>/dev/null; echo end',
    'end\n',
  ],
  [
    'files and times of /dev/mqueue',
    'touch /dev/mqueue/left; busybox touch -d @4711 /dev/mqueue',
    'ls /dev/mqueue; stat -c %Y /dev/mqueue | busybox grep 4711; echo end',
    'end\n',
  ],
  [
    'modes and times of what is emptied',
    'for d in /tmp /dev/shm /.runner/jobs; do busybox chmod 700 $d; busybox touch -d @4711 $d; done 2>/dev/null',
    'stat -c %a /tmp /dev/shm /.runner/jobs; stat -c %Y /tmp /dev/shm | busybox grep 4711; echo end',
    '1777\n1777\n755\nend\n',
  ],
]
const compiledDeadEnds: typeof deadEnds = [
  [
    'attributes and access lists of what is emptied',
    'for d in /tmp /dev/shm /dev/mqueue /.runner/jobs; do /powers mark $d; /powers allow $d; done 2>&1 | wc -l',
    'echo end',
    'end\n',
  ],
]

for (const [driver, options] of [
  ['overlay2', []],
  ['vfs', ['--storage-driver=vfs']],
] as const)
  testWith(t, `what a job leaves, with the storage driver ${driver}`, executorNeeds, async t => {
    await using rig = await EngineRig.start(...options)
    t.equal(rig.facts.storage, driver)
    const hasCompiler = compiler.missing === undefined
    const image = (name: string, changes: string[] = []) =>
      makeImage(rig.engine, name, {
        fill(root) {
          withBusybox(root)
          if (hasCompiler) withStaticProgram(root, 'powers', powers)
        },
        files: { 'app/tool': good, 'full/file': 'good' },
        changes: ['VOLUME /empty', 'VOLUME /full', 'VOLUME /.runner/volume', ...changes],
      })
    await image('box')
    const run = (executor: Awaited<ReturnType<EngineRig['launch']>>, script: string) =>
      rig.run(executor, 'box', { command: ['sh', '-c', script] })
    const test = rig.testsOf(t)

    await test('a job that leaves nothing has its container used again', async t => {
      const executor = await rig.launch('box')
      for (const script of [
        'true',
        'echo x >/tmp/x; mkdir -p /tmp/a/b /dev/shm/c; busybox chmod 0 /tmp/a; ls / /app /dev >/dev/null',
        'cat /etc/hosts /etc/resolv.conf /full/file; /app/tool; busybox script -q -c true /dev/null || true',
      ]) {
        t.match(await run(executor, script), { outcome: 'succeeded' }, script)
        t.ok(await executor.sweep(), script)
      }
      await executor.remove()
    })

    const ways = [...imageWays, ...(hasCompiler ? compiledImageWays : [])]
    if (driver === 'overlay2') ways.push(...otherWays, ...(hasCompiler ? compiledOtherWays : []))
    for (const [title, script] of ways)
      await test(`no container is used again after ${title}`, async t => {
        const executor = await rig.launch('box')
        t.match(await run(executor, script), { outcome: 'succeeded' })
        t.notOk(await executor.sweep())
        t.equal(executor.unfit, undefined, 'because of this job alone')
        await executor.remove()
      })

    if (driver === 'vfs') return

    for (const [title, script, look, seen] of hasCompiler ? [...deadEnds, ...compiledDeadEnds] : deadEnds)
      await test(`the next job finds nothing of ${title}`, async t => {
        const executor = await rig.launch('box')
        const tried = await run(executor, script)
        if (title.startsWith('attributes')) t.equal(tried.log, '8\n', 'the system refuses all of it')
        t.ok(await executor.sweep(), 'the container may be used again')
        t.equal((await run(executor, look)).log, seen)
        await executor.remove()
      })

    await test('a container is for one job where nobody can tell what the job leaves', async t => {
      for (const [changes, why] of [
        // The directories that are emptied are that user's, so attributes could stay on them.
        [{ user: '3' }, /^jobs run as the user who owns \/dev\/shm$/],
      ] as const) {
        const executor = await rig.launch('box', changes)
        t.match(await run(executor, 'true'), { outcome: 'succeeded' })
        t.notOk(await executor.sweep())
        t.match(executor.unfit, why)
        await executor.remove()
      }
      // The image has so many files that a look over them is slower than a new container; the runner finds
      // that out once.
      await makeImage(rig.engine, 'large', {
        fill(root) {
          withBusybox(root)
          for (let folder = 0; folder < 1000; folder++) {
            mkdirSync(join(root, 'large', `${folder}`), { recursive: true })
            for (let file = 0; file < 20; file++)
              writeFileSync(join(root, 'large', `${folder}`, `${file}`), '')
          }
        },
      })
      const slow = rig.containers({ cpus: 0.01 })
      const large = await rig.image('large')
      const first = value(await slow.launch(large, forSeveral()))
      t.notOk(await first.sweep())
      t.equal(first.unfit, 'it takes more than 10 s to look over its files')
      await first.remove()
      const next = value(await slow.launch(large, forSeveral()))
      t.equal(next.unfit, first.unfit)
      await next.remove()

      const old = join(rig.engine.directory, 'busybox-old')
      const bytes = readFileSync(rig.options().busybox)
      // It prints nothing in the place of nanoseconds, as earlier releases of busybox did.
      const at = bytes.indexOf('.%09u %%z')
      t.not(at, -1)
      bytes.write('.%.0s %%z', at)
      writeFileSync(old, bytes, { mode: 0o755 })
      const aged = value(
        await new Containers({ ...rig.options(), busybox: old }).launch(await rig.image('box'), forSeveral()),
      )
      t.match(await run(aged, 'true'), { outcome: 'succeeded' })
      t.notOk(await aged.sweep())
      t.match(aged.unfit, /tells times of files in seconds/)
      await aged.remove()
      await image('odd', ['VOLUME /a*b'])
      const executor = await rig.launch('odd')
      t.notOk(await executor.sweep())
      t.match(executor.unfit, 'the name of the mount /a*b cannot be read')
      await executor.remove()
    })
  })
