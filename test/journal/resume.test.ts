import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { mounts } from '../support/require.ts'
import { type Rig, rigTest } from '../support/rig.ts'

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
  'a run that a signal ended is gone on with from the task that ran, which counts as not done',
  { tasks: { a: ran, b: `${ran}; [ -e "$DIR/go" ] || { echo up; read x < "$DIR/hold"; }`, c: ran } },
  async (t, rig) => {
    rig.hold('hold')
    const run = rig.run()
    await run.output('up')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    rig.file('go', '')
    const next = await rig.finish('--resume')
    t.equal(next.status, 0)
    t.match(next.all('run:started')[0]?.resumes, { run_id: 1, done: ['a'], chain_try: 1 })
    t.same(rig.lines('ran'), ['a', 'b', 'b', 'c'])
  },
)

rigTest(
  t,
  'it says what it skips and why, and begins anew where nothing was interrupted',
  { tasks: { a: ran, b: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    rig.file('go', '')
    const resumed = rig.start(['run', '--resume'])
    t.equal(await resumed.ended, 0)
    t.match(resumed.text, 'going on with run 1; done, and not run again: a')
    const anew = await rig.finish('--resume')
    t.equal(anew.status, 0)
    t.match(anew.all('run:not-resumed'), [{ reason: 'ended', message: 'run 2 ended by itself: succeeded' }])
    t.same(anew.tries, ['a', 'b'])
  },
)

for (const [status, reason] of [
  [1, 'gave-up'],
  [2, 'halted'],
  [3, 'exited'],
] as const)
  rigTest(
    t,
    `a run that ended as ${reason} is not gone on with`,
    { runner: { max_tries: 1 }, tasks: { a: ran, b: `[ -e "$DIR/go" ] || exit ${status}` } },
    async (t, rig) => {
      t.equal((await rig.finish()).status, status)
      rig.file('go', '')
      const run = await rig.finish('--resume')
      t.match(run.all('run:not-resumed'), [{ reason: 'ended', message: `run 1 ended by itself: ${reason}` }])
      t.same(run.tries, ['a', 'b'])
    },
  )

rigTest(
  t,
  'with other tasks, another order or other contents it says what changed, and begins anew',
  { tasks: { a: ran, b: '[ -e "$DIR/go" ] || kill -9 $PPID', c: ran } },
  async (t, rig) => {
    const crash = async () => t.equal(await rig.run().ended, 'SIGKILL')
    const refusal = async () => {
      const run = rig.run('--resume')
      await run.ended
      return run.all('run:not-resumed').map(({ reason, message }) => `${reason}: ${message}`)
    }
    await crash()
    rig.task('c', `${ran}; :`)
    t.match(await refusal(), [/^other-contents: .*these files have changed: c$/])
    rig.task('d', ran)
    t.match(await refusal(), [/^other-plan: .*other tasks \(new: d\)$/])
    rig.configure({}, '[c]\ndepends_on = d')
    rig.file('go', '')
    t.match(await refusal(), [/^other-plan: .*the tasks have another order$/])
  },
)

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
  'a reboot_command that fails is no reboot: the chain gives up and says so',
  { runner: { reboot_command: `sh -c 'echo no way; exit 7'` }, tasks: { a: 'exit 194' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.match(
      run.all('notice').find(({ reason }) => reason === 'no-reboot')?.message,
      'reboot_command ended with status 7: no way',
    )
  },
)

rigTest(
  t,
  'without a reboot_command 194 is a RETRY like any other',
  { runner: { max_tries: 1 }, tasks: { a: 'exit 194' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.same(run.outcomes(), ['RETRY'])
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
  'a reboot that could not be asked for any more is asked for by the next run',
  {
    runner: {
      reboot_command: `sh -c 'echo reboot >> "$DIR/ran"'`,
      task_hook: `sh -c 'case $1 in *REBOOT*) [ -e "$DIR/go" ] || { : > "$DIR/go"; kill -9 $PPID; };; esac' sh`,
    },
    tasks: { a: `${ran}; exit 194`, b: ran },
  },
  async (t, rig) => {
    t.equal(await rig.run('--resume').ended, 'SIGKILL')
    const run = await rig.finish('--resume')
    t.equal(run.status, 5)
    t.match(run.all('reboot:asked'), [{ task: 'a', reboots: 1 }])
    t.equal((await rig.finish('--resume')).status, 5)
    t.same(rig.lines('ran'), ['a', 'reboot'])
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

rigTest(
  t,
  'a chain that had come to its verdict when runner was killed is not gone on with',
  {
    runner: { max_tries: 1 },
    tasks: { a: ran, b: '[ -e "$DIR/go" ] || exit 2', 'halt.sh': ': > "$DIR/go"; kill -9 $PPID' },
  },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    const run = await rig.finish('--resume')
    t.match(run.all('run:not-resumed'), [{ reason: 'ended', message: 'run 1 had come to its end: halted' }])
    t.same(run.tries, ['a', 'b'])
  },
)

rigTest(
  t,
  'a run of some of the tasks does not stand before the run that can be gone on with',
  { runner: { keep_runs: 2 }, tasks: { a: ran, b: '[ -e "$DIR/go" ] || kill -9 $PPID', c: ran } },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    rig.file('go', '')
    for (let time = 0; time < 3; time++) t.equal((await rig.finish('--only', 'c')).status, 0)
    const run = await rig.finish('--resume')
    t.equal(run.all('run:started')[0]?.resumes?.run_id, 1)
    t.same(run.tries, ['b', 'c'])
  },
)

rigTest(
  t,
  'while the last run still lives none is started, whatever has become of the lock',
  { tasks: { a: 'read x < "$DIR/hold"' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const first = rig.run()
    await first.event('try:running')
    for (const lock of readdirSync(rig.path('state/locks')).filter(name => name.endsWith('.db'))) {
      rmSync(rig.path('state/locks', lock))
      writeFileSync(rig.path('state/locks', lock), '')
    }
    const second = await rig.finish('--resume')
    t.equal(second.status, 4)
    t.match(second.all('notice'), [{ reason: 'still-running' }])
    hold.release()
    t.equal(await first.ended, 0)
  },
)
