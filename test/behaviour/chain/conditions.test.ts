import { rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const ran = 'echo "$RUNNER_TASK_FILE" >> "$DIR/ran"'

rigTest(
  t,
  'a task whose condition does not hold is skipped with the condition, and those that depend on it run',
  {
    tasks: { a: ran, b: ran, c: ran, d: ran, e: ran, f: ran },
    config: `
[a]
condition_path_exists = /
  !tasks.d/a
[b]
condition_path_exists = nowhere
[c]
depends_on = a, b
condition_kernel_command_line = !no-such-word-in-any-command-line
[d]
condition_kernel_command_line = no-such-word-in-any-command-line=1
[e]
condition_command = sh -c 'test -e "$DIR/yes"'
[f]
condition_command = ! sh -c 'exit 3'
`,
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(run.tries, ['c', 'f'])
    t.match(
      run.all('task:skipped').map(({ task, key, message }) => `${task} ${key} ${message}`),
      [
        'a condition_path_exists condition_path_exists = !tasks.d/a does not hold',
        'b condition_path_exists condition_path_exists = nowhere does not hold',
        'd condition_kernel_command_line condition_kernel_command_line = no-such-word-in-any-command-line=1 does not hold',
        `e condition_command condition_command = sh -c 'test -e "$DIR/yes"' does not hold`,
      ],
    )
    t.match(run.all('run:ended'), [{ tasks_done: 6, tasks_skipped: 4 }])
    t.match(
      run.all('hook:ended').map(({ task, hook, exit_code, failure }) => [task, hook, exit_code, failure]),
      [
        ['e', 'condition', 1, undefined],
        ['f', 'condition', 3, undefined],
      ],
    )
    rig.file('yes', '')
    t.same((await rig.finish()).tries, ['c', 'e', 'f'])
    const listed = rig.start(['list', '--verbose'])
    await listed.ended
    t.match(listed.text, /now it is skipped: condition_path_exists = nowhere does not hold\n/)
    t.match(listed.text, /now it runs if its condition_command says so\n/)
  },
)

rigTest(
  t,
  'a condition_command that fails is a failed try, and is asked again; one that hangs is ended with its tree',
  {
    runner: { max_tries: 2, hook_time: 0.5, kill_grace: 0.2, retry_from: 'failed' },
    tasks: { a: ran },
    config: `[a]\ncondition_command = sh -c 'echo asked >> "$DIR/ran"; exit 255'`,
  },
  async (t, rig) => {
    for (const [config, words] of [
      [undefined, 'has a condition_command that ended with status 255'],
      [
        '[a]\ncondition_command = sh -c "sleep 60; :"',
        'has a condition_command that ran longer than hook_time',
      ],
      [`[a]\ncondition_command = sh -c 'kill -9 $$'`, 'has a condition_command that was ended by SIGKILL'],
    ] as const) {
      if (config !== undefined)
        rig.configure({ max_tries: 2, hook_time: 0.5, kill_grace: 0.2, retry_from: 'failed' }, config)
      const run = await rig.finish()
      t.equal(run.status, 1)
      t.same(run.outcomes(), ['RETRY', 'RETRY'])
      t.match(run.all('try:ended')[0]?.failure, { reason: 'not-started' })
      t.match(run.text, words)
    }
    t.same(rig.lines('ran'), ['asked', 'asked'])
  },
)

rigTest(
  t,
  'a task that has begun is tried again whatever its conditions say by then, in the same run and in one that resumes it',
  {
    runner: { retry_from: 'beginning', max_tries: 3 },
    tasks: {
      a: `${ran}; : > "$DIR/made"; [ "$RUNNER_TRY" -gt 1 ] || exit 1; [ -e "$DIR/go" ] || kill -9 $PPID`,
    },
    config: '[a]\ncondition_path_exists = !made',
  },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    rig.file('go', '')
    const run = await rig.finish('--resume')
    t.equal(run.status, 0)
    t.match(run.all('run:started')[0]?.resumes, { begun: ['a'] })
    t.same(rig.lines('ran'), ['a', 'a', 'a'])
    t.equal((await rig.finish()).all('task:skipped').length, 1, 'the next run asks again')
  },
)

rigTest(
  t,
  'a run that is resumed does not ask again for a task that was skipped, and still counts it',
  {
    tasks: { a: ran, b: '[ -e "$DIR/go" ] || kill -9 $PPID' },
    config: '[a]\ncondition_path_exists = go',
  },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    rig.file('go', '')
    const run = await rig.finish('--resume')
    t.same(run.tries, ['b'])
    t.match(run.all('run:ended'), [{ tasks_done: 2, tasks_skipped: 1 }])
  },
)

rigTest(
  t,
  'a signal ends a condition_command, and the run is interrupted before the task begins',
  { tasks: { a: ran }, config: `[a]\ncondition_command = sh -c 'echo up; sleep 60'` },
  async (t, rig) => {
    const run = rig.run()
    await run.event('hook:output')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.same(run.tries, [])
  },
)

rigTest(
  t,
  'a value that does not fit is a warning, since a task may look up a key of that name, and wrong commands are errors',
  {
    tasks: { a: ran },
    config: '[a]\nrun = /usr/bin/it\nwatch = w\ncondition_first_boot = perhaps\ncondition_path_exists = !',
  },
  async (t, rig) => {
    const check = rig.start(['check'])
    t.equal(await check.ended, 0)
    for (const words of [
      /:8: warning: run is "\/usr\/bin\/it"; it must be always, once, .*; runner takes it for a key of the task's own\n/,
      /:9: notice: watch is set, and runner reads it only with run = on-change\n/,
      /:10: warning: condition_first_boot is "perhaps"; it must be yes or no; /,
      /:11: warning: condition_path_exists has a ! with nothing behind it; /,
    ])
      t.match(check.text, words)
    t.same((await rig.finish()).tries, ['a'])
    writeFileSync(rig.path('runner.cfg'), '[a]\ncondition_command = no-such-program x\n')
    const wrong = rig.start(['check'])
    t.equal(await wrong.ended, 78)
    t.match(wrong.text, /:2: error: condition_command: no-such-program is not there or not executable\n/)
    rmSync(rig.path('runner.cfg'))
  },
)
