import type { Test } from 'tap'
import t from 'tap'
import { Attached, type AttachRig, attachTest } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { compiler, makeImage, withBusybox, withStaticProgram } from '../../support/images.ts'
import { program, testWith } from '../../support/require.ts'

t.setTimeout(900_000)

/** Keeps 60 MB in four files that have no name nor are open: they are mapped or, with a word, sent to itself. */
const keeper = `
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
static char block[1000000];
static void send_to(int socket, int fd) {
  char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(socket, &message, 0) < 0) perror("sendmsg");
}
int main(int count, char **words) {
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  for (int file = 0; file < 4; file++) {
    int fd = open("held", O_RDWR | O_CREAT, 0600);
    unlink("held");
    for (int i = 0; i < 15; i++) if (write(fd, block, sizeof block) < 0) perror("write");
    if (count > 1) send_to(pair[0], fd);
    else if (mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED) perror("mmap");
    close(fd);
  }
  puts("held");
  fflush(stdout);
  for (;;) pause();
}
`

testWith(t, 'limits of a job', [...executorNeeds, compiler, program('setpriv')], async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', {
    fill(root) {
      withBusybox(root)
      withStaticProgram(root, 'bin/keeper', keeper)
    },
    changes: ['VOLUME /volume'],
  })

  const open = `exec 3>a 4>b 5>c 6>d; rm a b c d; for fd in 3 4 5 6; do head -c 15000000 /dev/zero >&$fd; done`
  const named = 'for name in a b c d; do head -c 15000000 /dev/zero >$name; done'

  /** Starts a runner as root with some capabilities. */
  const startWith = (fleet: AttachRig, name: string, capabilities: string, executor: string) => {
    fleet.configure(name, {}, executor)
    const before = ['setpriv', '--bounding-set', `-all,+chown,+dac_override,+fowner${capabilities}`]
    const args = ['-c', fleet.rig.path(`${name}.cfg`), '-v', 'attach', '--json']
    return new Attached(fleet.rig.start(args, { lasting: true, before })).ready()
  }

  await attachTest(t, 'runners with limits', engine, {}, async (t, fleet) => {
    /** Tests a runner with these settings; each test has jobs of its own. */
    const withRunner = (title: string, start: () => Promise<Attached>, body: (t: Test) => Promise<unknown>) =>
      t.test(title, async t => {
        const runner = await start()
        await body(t)
        t.equal(await runner.stop(), 0)
        t.same(await fleet.empty(), [])
      })

    const small = 'log_limit = 1M\nmemory = 64M\n'
    await withRunner(
      'limits of log and memory',
      () => fleet.attach('small', {}, small),
      async t => {
        await t.test('of a log beyond log_limit head and tail are sent', async t => {
          const script = 'echo begin; yes 0123456789abcdef | head -c 50000000; echo; echo end'
          const { id } = await fleet.submit({ command: ['sh', '-c', script] })
          t.match(await fleet.ended(id), { state: 'succeeded', log: { complete: true } })
          const log = await fleet.log(id)
          t.ok(log.startsWith('begin\n') && log.endsWith('\nend\n'))
          t.match(log, /\n\[runner: 48951435 bytes of the log are left out here; log_limit in \[executor\]/)
          t.ok(log.length < 2 ** 20 + 200, `${log.length} bytes`)
        })
        await t.test('what is in /tmp, /dev/shm and /dev counts as memory', async t => {
          const fill = (folder: string) => `head -c 200000000 /dev/zero >${folder}/file && echo all of it`
          for (const folder of ['/tmp', '/dev/shm', '/dev']) {
            const { id } = await fleet.submit({ command: ['sh', '-c', fill(folder)] })
            const end = await fleet.ended(id)
            t.equal(end.state, 'failed', folder)
            t.notMatch(end.output, /all of it/, folder)
          }
        })
      },
    )

    await withRunner(
      'disk_limit counts',
      () => fleet.attach('disk', {}, 'disk_limit = 20M\nuser = 0\n'),
      async t => {
        // All at a time: each look of the runner is at all of them.
        const ways: [what: string, script: string][] = [
          ['files of its directory that have no name', `cd /.runner/jobs/*; ${open}`],
          ['files of its image that have no name', `cd /; ${open}`],
          ['files that are mapped, and neither named nor open', 'cd /.runner/jobs/*; keeper'],
          ['files in the queues of sockets', 'cd /.runner/jobs/*; keeper sent'],
          ['files of a volume', `cd /volume; ${named}`],
          ['files of its directory', `cd /.runner/jobs/*; ${named}`],
        ]
        const jobs = ways.map(async ([what, script]) => {
          const command = ['sh', '-c', `${script}; echo held; sleep 1000`]
          const { id } = await fleet.submit({ command })
          t.match(await fleet.ended(id), { state: 'failed', reason: 'disk-full' }, what)
        })
        await Promise.all(jobs)
      },
    )

    await withRunner(
      'the capabilities of the unit are enough to see files that are only mapped',
      () => startWith(fleet, 'unit', ',+sys_ptrace,+checkpoint_restore', 'disk_limit = 20M\nuser = 1234\n'),
      async t => {
        const { id } = await fleet.submit({ command: ['sh', '-c', 'cd /.runner/jobs/*; keeper'] })
        t.match(await fleet.ended(id), { state: 'failed', reason: 'disk-full' })
      },
    )

    await withRunner(
      'a job is not ended for what its runner may never see',
      () => startWith(fleet, 'blind', '', 'disk_limit = 200M\n'),
      async t => {
        const files = 'for i in 1 2 3 4 5; do head -c 30000000 /dev/zero >$i; sleep 1.2; done'
        const command = ['sh', '-c', `cd /.runner/jobs/*; ${files}; echo well`]
        const { id } = await fleet.submit({ command })
        t.match(await fleet.ended(id), { state: 'succeeded', output: 'well\n' })
      },
    )

    await t.test('doctor says how disk_limit holds', async t => {
      const doctor = fleet.command('small', 'doctor', '--json')
      await doctor.ended
      const { checks } = JSON.parse(Buffer.concat(doctor.out).toString()) as { checks: { check: string }[] }
      t.match(
        checks.find(({ check }) => check === 'disk limit'),
        { result: 'ok', message: /files of a job are counted, those without a name too/ },
      )
    })
  })
})
