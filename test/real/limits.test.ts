import type { Test } from 'tap'
import t from 'tap'
import { Attached, type AttachRig, attachTest } from '../support/attached.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { compiler, makeImage, withBusybox, withStaticProgram } from '../support/images.ts'
import { program, testWith } from '../support/require.ts'

t.setTimeout(300_000)

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
  const test = (title: string, body: (t: Test, world: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  await test('of a log beyond log_limit head and tail are sent', async (t, world) => {
    const runner = await world.attach('one', {}, 'log_limit = 1M\n')
    const script = 'echo begin; yes 0123456789abcdef | head -c 50000000; echo; echo end'
    const { id } = await world.submit({ command: ['sh', '-c', script] })
    t.match(await world.ended(id), { state: 'succeeded', log: { complete: true } })
    const log = await world.log(id)
    t.ok(log.startsWith('begin\n') && log.endsWith('\nend\n'))
    t.match(log, /\n\[runner: 48951435 bytes of the log are left out here; log_limit in \[executor\]/)
    t.ok(log.length < 2 ** 20 + 200, `${log.length} bytes`)
    t.equal(await runner.stop(), 0)
  })

  const open = `exec 3>a 4>b 5>c 6>d; rm a b c d; for fd in 3 4 5 6; do head -c 15000000 /dev/zero >&$fd; done`
  const named = 'for name in a b c d; do head -c 15000000 /dev/zero >$name; done'
  for (const [what, script] of [
    ['files of its directory that have no name', `cd /.runner/jobs/*; ${open}`],
    ['files of its image that have no name', `cd /; ${open}`],
    ['files that are mapped, and neither named nor open', 'cd /.runner/jobs/*; keeper'],
    ['files in the queues of sockets', 'cd /.runner/jobs/*; keeper sent'],
    ['files of a volume', `cd /volume; ${named}`],
    ['files of its directory', `cd /.runner/jobs/*; ${named}`],
  ] as const)
    await test(`disk_limit counts ${what}`, async (t, world) => {
      const runner = await world.attach('one', {}, 'disk_limit = 20M\nuser = 0\n')
      const { id } = await world.submit({ command: ['sh', '-c', `${script}; echo held; sleep 1000`] })
      t.match(await world.ended(id), { state: 'failed', reason: 'disk-full' })
      t.equal(await runner.stop(), 0)
    })

  /** Starts a runner as root with some capabilities. */
  const startWith = (world: AttachRig, capabilities: string, executor: string) => {
    world.configure('one', {}, executor)
    const before = ['setpriv', '--bounding-set', `-all,+chown,+dac_override,+fowner${capabilities}`]
    const args = ['-c', world.rig.path('one.cfg'), '-v', 'attach', '--json']
    return new Attached(world.rig.start(args, { lasting: true, before })).ready()
  }

  await test('the capabilities of the unit are enough to see files that are only mapped', async (t, world) => {
    const runner = await startWith(
      world,
      ',+sys_ptrace,+checkpoint_restore',
      'disk_limit = 20M\nuser = 1234\n',
    )
    const command = ['sh', '-c', 'cd /.runner/jobs/*; keeper']
    const { id } = await world.submit({ command })
    t.match(await world.ended(id), { state: 'failed', reason: 'disk-full' })
    t.equal(await runner.stop(), 0)
  })

  await test('a job is not ended for what its runner may never see', async (t, world) => {
    const runner = await startWith(world, '', 'disk_limit = 200M\n')
    const files = 'for i in 1 2 3 4 5; do head -c 30000000 /dev/zero >$i; sleep 1.2; done'
    const { id } = await world.submit({ command: ['sh', '-c', `cd /.runner/jobs/*; ${files}; echo well`] })
    t.match(await world.ended(id), { state: 'succeeded', output: 'well\n' })
    t.equal(await runner.stop(), 0)
  })

  await test('what is in /tmp, /dev/shm and /dev counts as memory', async (t, world) => {
    const runner = await world.attach('one', {}, 'memory = 64M\n')
    for (const folder of ['/tmp', '/dev/shm', '/dev']) {
      const script = `head -c 200000000 /dev/zero >${folder}/file && echo all of it`
      const { id } = await world.submit({ command: ['sh', '-c', script] })
      const end = await world.ended(id)
      t.equal(end.state, 'failed', folder)
      t.notMatch(end.output, /all of it/, folder)
    }
    t.equal(await runner.stop(), 0)
  })

  await test('doctor says how disk_limit holds', async (t, world) => {
    world.configure('one')
    const doctor = world.command('one', 'doctor', '--json')
    await doctor.ended
    const { checks } = JSON.parse(Buffer.concat(doctor.out).toString()) as { checks: { check: string }[] }
    t.match(
      checks.find(({ check }) => check === 'disk limit'),
      { result: 'ok', message: /files are counted, those without a name too/ },
    )
  })
})
