import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../support/rig.ts'

const ran = 'echo "$RUNNER_TASK_FILE" >> "$DIR/ran"'

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
    t.match(resumed.text, 'resuming run 1; done, and not run again: a')
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
