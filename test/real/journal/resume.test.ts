import { writeFileSync } from 'node:fs'
import t from 'tap'
import { mounts } from '../../support/mounts.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

const ran = 'echo "$RUNNER_TASK_FILE" >> "$DIR/ran"'

/** Runs the program as in another boot, named by the boot id. */
async function inBoot(rig: Rig, bootId: string, ...args: string[]) {
  writeFileSync(rig.path('boot_id'), `${bootId}\n`)
  const mount = `mount --bind ${rig.path('boot_id')} /proc/sys/kernel/random/boot_id && exec "$@"`
  const run = rig.start(['run', '--json', ...args], { before: ['unshare', '-m', 'sh', '-c', mount, 'sh'] })
  return Object.assign(run, { status: await run.ended })
}

rigTest(
  t,
  'after a crash of the machine the chain starts over, unless resume_across_boots says otherwise',
  { needs: [mounts], tasks: { a: ran, b: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    t.equal((await inBoot(rig, 'one')).status, 'SIGKILL')
    t.equal((await inBoot(rig, 'two', '--resume')).status, 'SIGKILL')
    rig.configure({ resume_across_boots: 'yes' })
    rig.file('go', '')
    const run = await inBoot(rig, 'three', '--resume')
    t.equal(run.status, 0)
    t.same(rig.lines('ran'), ['a', 'a'], 'in the second boot once more, in the third not')
    t.same(run.tries, ['b'])
  },
)

rigTest(
  t,
  'status 194 asks for a reboot and goes on with the next task after it',
  {
    needs: [mounts],
    runner: { reboot_command: `sh -c 'echo reboot >> "$DIR/ran"'` },
    tasks: { a: ran, b: `${ran}; exit 194`, c: ran },
  },
  async (t, rig) => {
    const first = await inBoot(rig, 'one', '--resume')
    t.equal(first.status, 5)
    t.match(first.all('reboot:asked'), [{ task: 'b', reboots: 1, max_reboots: 3 }])
    t.same(first.outcomes(), ['OK', 'REBOOT'])
    const pending = await inBoot(rig, 'one', '--resume')
    t.equal(pending.status, 5, 'while the reboot has not come it starts nothing')
    t.same(pending.tries, [])
    t.equal((await inBoot(rig, 'two', '--resume')).status, 0)
    t.same(rig.lines('ran'), ['a', 'b', 'reboot', 'c'])
  },
)

rigTest(
  t,
  'max_reboots keeps a host from rebooting for ever',
  {
    needs: [mounts],
    runner: { reboot_command: 'true', max_reboots: 2 },
    tasks: { a: 'exit 194', 'halt.sh': ran },
  },
  async (t, rig) => {
    rig.task('b', 'exit 194')
    rig.task('c', 'exit 194')
    const statuses: unknown[] = []
    for (const boot of ['one', 'two', 'three']) statuses.push((await inBoot(rig, boot, '--resume')).status)
    t.same(statuses, [5, 5, 1])
    const explained = rig.start(['explain'])
    await explained.ended
    t.match(
      explained.text,
      /\nc, try 1 of \d+: exit status 194\.\nThe limit is max_reboots = 2, from .*runner\.cfg:\d+\.\n/,
    )
    t.same(rig.lines('ran'), ['halt.sh'])
  },
)

rigTest(
  t,
  'max_reboots holds also for runs that are not gone on with, and a reboot by hand begins anew',
  { needs: [mounts], runner: { reboot_command: 'true', max_reboots: 2 }, tasks: { a: 'exit 194' } },
  async (t, rig) => {
    const statuses: unknown[] = []
    for (const boot of ['one', 'two', 'three', 'four']) statuses.push((await inBoot(rig, boot)).status)
    t.same(statuses, [5, 5, 1, 5])
  },
)

rigTest(
  t,
  'such a reboot that max_reboots forbids is explained, with the place of the setting',
  {
    needs: [mounts],
    runner: {
      reboot_command: 'true',
      max_reboots: 1,
      task_hook: `sh -c '[ $RUNNER_TASK$RUNNER_HOOK != bpost ] || kill -9 $PPID'`,
    },
    tasks: { a: 'exit 194', b: 'exit 194' },
  },
  async (t, rig) => {
    t.equal((await inBoot(rig, 'one')).status, 5)
    t.equal((await inBoot(rig, 'two', '--resume')).status, 'SIGKILL')
    t.equal((await inBoot(rig, 'two', '--resume')).status, 1)
    const explained = rig.start(['explain'])
    await explained.ended
    t.match(explained.text, /\nIt was at b\.\nThe limit is max_reboots = 1, from .*runner\.cfg:\d+\.\n/)
  },
)
