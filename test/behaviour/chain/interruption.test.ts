import t from 'tap'
import { rigTest } from '../../support/rig.ts'

/** A task that blocks until it is told, having said so. */
const held = 'echo up\nread x < "$DIR/hold"'
const note = 'echo "$RUNNER_TASK" >> "$DIR/trace"'

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  rigTest(
    t,
    `${signal} passes to the running task and ends the run with ${status}: nothing is tried again, the halt task does not run`,
    {
      tasks: {
        a: `trap 'echo tidied; exit 7' ${signal.slice(3)}\n${held}`,
        b: note,
        'halt.sh': note,
      },
    },
    async (t, rig) => {
      rig.hold('hold')
      const run = rig.run('-H')
      await run.output('up')
      run.child.kill(signal)
      t.equal(await run.ended, status)
      t.match(run.taskOutput(), /tidied\n$/)
      t.match(run.all('run:stopping'), [{ signal, immediately: false }])
      t.match(run.all('try:ended'), [{ task: 'a', outcome: 'INTERRUPTED', exit_code: 7, killed: [{}] }])
      t.match(run.all('run:ended'), [
        { reason: 'interrupted', exit_status: status, task: 'a', tasks_done: 0 },
      ])
      t.same(rig.lines('trace'), [])
    },
  )

rigTest(
  t,
  'an interruption ends the whole tree of the task, by SIGKILL after kill_grace',
  {
    runner: { kill_grace: 0.3 },
    tasks: {
      a: `( setsid sh -c 'exec 9> "$DIR/life"; trap "" TERM; echo > "$DIR/up"; read x < "$DIR/hold"' & )\ntrap '' TERM\nread x < "$DIR/up"\n${held}`,
    },
  },
  async (t, rig) => {
    for (const name of ['hold', 'up']) rig.hold(name)
    const life = rig.lifeline('life')
    const run = rig.run()
    await run.output('up')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    await life.gone()
    const [end] = run.all('try:ended')
    t.match(end, { outcome: 'INTERRUPTED', signal: 'SIGKILL', survivors: [] })
    t.equal(end?.killed.length, 2)
  },
)

rigTest(
  t,
  'a second signal does not wait for kill_grace',
  { runner: { kill_grace: 600 }, tasks: { a: `trap 'echo deaf' TERM\n${held}\n${held}\n${held}` } },
  async (t, rig) => {
    rig.hold('hold')
    const run = rig.run()
    await run.output('up')
    run.child.kill('SIGTERM')
    await run.output('deaf')
    run.child.kill('SIGINT')
    t.equal(await run.ended, 143, 'the first signal decides')
    t.match(run.all('run:stopping'), [
      { signal: 'SIGTERM', immediately: false },
      { signal: 'SIGINT', immediately: true },
    ])
    t.match(run.all('try:ended'), [{ outcome: 'INTERRUPTED', signal: 'SIGKILL' }])
  },
)

rigTest(t, 'signals that mean nothing to a run are ignored', { tasks: { a: held } }, async (t, rig) => {
  const hold = rig.hold('hold')
  const run = rig.run()
  await run.output('up')
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) run.child.kill(signal)
  hold.release()
  t.equal(await run.ended, 0)
  t.equal(run.events.at(-1)?.event, 'run:ended')
})

rigTest(
  t,
  'a signal during the wait ends the run at once',
  { runner: { sleep_time: 600 }, tasks: { a: 'exit 1', 'halt.sh': note } },
  async (t, rig) => {
    const run = rig.run()
    await run.event('chain:waiting')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.match(run.all('run:ended'), [{ reason: 'interrupted', task: 'a' }])
    t.same(rig.lines('trace'), [])
  },
)

rigTest(
  t,
  'a signal while a task that is not required waits ends the run as well',
  { runner: { sleep_time: 600 }, config: '[a]\nrequired = no', tasks: { a: 'exit 1', b: note } },
  async (t, rig) => {
    const run = rig.run()
    await run.event('chain:waiting')
    run.child.kill('SIGINT')
    t.equal(await run.ended, 130)
    t.match(run.all('run:ended'), [{ reason: 'interrupted', task: 'a' }])
    t.same(rig.lines('trace'), [])
  },
)

const hookThat = (phase: string, does: string) => `#!/bin/sh
echo "$RUNNER_HOOK $1" >> "$DIR/stats"
[ $RUNNER_HOOK != ${phase} ] || { ${does}; }
`

rigTest(
  t,
  'a signal during the pre hook ends the hook, and the task does not start',
  { runner: { task_hook: './hook' }, tasks: { a: note } },
  async (t, rig) => {
    rig.hold('hold')
    rig.file('hook', hookThat('pre', 'echo up; read x < "$DIR/hold"'), 0o755)
    const run = rig.run()
    await run.event('hook:output')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.same(run.tries, [])
    t.match(run.hookFailures, [{ hook: 'pre', failure: 'was ended with the run' }])
    t.match(run.all('run:ended'), [{ reason: 'interrupted', task: 'a' }])
    t.equal(rig.lines('stats').length, 1, 'there is no try that a post hook could tell of')
  },
)

rigTest(
  t,
  'the post hook tells of an interruption, and a second signal ends it',
  { runner: { task_hook: './hook', kill_grace: 600 }, tasks: { a: held } },
  async (t, rig) => {
    rig.hold('hold')
    rig.file('hook', hookThat('post', 'trap "" TERM; echo up; read x < "$DIR/hold"'), 0o755)
    const run = rig.run()
    await run.output('up')
    run.child.kill('SIGTERM')
    await run.event('hook:output')
    const [, stats] = rig.lines('stats')
    t.match(JSON.parse(stats!.replace(/^post /, '')), {
      task: 'a',
      result: 'INTERRUPTED',
      signal: 'SIGTERM',
      run_id: 1,
    })
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.match(run.hookFailures, [{ hook: 'post' }])
  },
)

rigTest(
  t,
  'a signal during the post hook of a task lets the hook end, and then the run',
  { runner: { task_hook: './hook' }, tasks: { a: '', b: note } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.file('hook', hookThat('post', 'echo up; read x < "$DIR/hold"; echo done'), 0o755)
    const run = rig.run()
    await run.event('hook:output')
    run.child.kill('SIGTERM')
    await run.event('run:stopping')
    hold.release()
    t.equal(await run.ended, 143)
    t.match(
      run
        .all('hook:output')
        .map(output => output.text)
        .join(''),
      'up\ndone\n',
    )
    t.same(run.hookFailures, [])
    t.match(run.all('try:ended'), [{ task: 'a', outcome: 'OK' }])
    t.same(rig.lines('trace'), [])
  },
)

for (const [title, a, args] of [
  ['a signal during the halt task ends it, and the run as interrupted', 'exit 2', []],
  ['a signal during the halt task after success ends it, and the run as interrupted', '', ['-H']],
  ['a signal during the halt task after giving up ends it, and the run as interrupted', 'exit 1', []],
] as const)
  rigTest(t, title, { runner: { max_tries: 1 }, tasks: { a, 'halt.sh': held } }, async (t, rig) => {
    rig.hold('hold')
    const run = rig.run(...args)
    await run.output('up')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.match(run.all('try:ended')[1], { kind: 'halt', outcome: 'INTERRUPTED', signal: 'SIGTERM' })
    t.match(run.all('run:ended'), [{ reason: 'interrupted', exit_status: 143 }])
  })
