import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const halt = 'echo "halt $WHERE" >> "$DIR/trace"; exit 3'

rigTest(
  t,
  'after a HALT the halt task runs once, with [env] and without hooks, and its status changes nothing',
  {
    runner: { task_hook: `sh -c 'echo "$RUNNER_HOOK $RUNNER_TASK_FILE" >> "$DIR/trace"'` },
    config: '[env]\nWHERE = here',
    tasks: { a: 'exit 2', 'halt.sh': halt },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.same(rig.lines('trace'), ['pre a', 'post a', 'halt here'])
    t.same(
      run.all('run:started')[0]?.tasks.map(({ task }) => task),
      ['a'],
      'it is no task of the chain',
    )
    const [, end] = run.all('try:ended')
    t.match(end, { task: 'halt.sh', name: 'halt', kind: 'halt', try_num: 1, outcome: 'EXIT', exit_code: 3 })
  },
)

rigTest(
  t,
  'after giving up the halt task runs once',
  { runner: { max_tries: 2 }, tasks: { a: 'exit 1', 'halt.sh': halt } },
  async (t, rig) => {
    const run = await rig.finish('-H')
    t.equal(run.status, 1)
    t.same(run.tries, ['a', 'a', 'halt.sh'], 'also where -H asks for it after success')
  },
)

rigTest(
  t,
  'after EXIT the halt task does not run, nor after success',
  { tasks: { a: '[ -e "$DIR/fine" ] || exit 3', 'halt.sh': halt } },
  async (t, rig) => {
    t.equal((await rig.finish('-H')).status, 3)
    rig.file('fine', '')
    t.equal((await rig.finish()).status, 0)
    t.same(rig.lines('trace'), [])
  },
)

rigTest(
  t,
  'the halt task has the time limit of [runner]',
  {
    runner: { max_time: 0.3, kill_grace: 0.2 },
    config: '[a]\nmax_time = 600',
    tasks: { a: 'exit 2', 'halt.sh': 'trap "" TERM\nread x < "$DIR/hold"' },
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.match(run.all('try:limit'), [{ task: 'halt.sh', kind: 'halt', max_time: 0.3 }])
    t.match(run.all('try:ended')[1], { signal: 'SIGKILL', failure: { reason: 'timed-out', max_time: 0.3 } })
  },
)

rigTest(
  t,
  'the halt task runs by the interpreter of [runner]',
  {
    runner: { interpreter: 'sh -u', halt_task: '99-stop' },
    tasks: { a: { content: 'exit 2', mode: 0o644 }, '99-stop': { content: 'echo "flags $-"', mode: 0o644 } },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.same(run.tries, ['a', '99-stop'])
    t.match(run.taskOutput('99-stop'), /^flags .*u/)
  },
)

rigTest(
  t,
  'a halt task may lie in a directory below or elsewhere, relative to the task directory',
  { runner: { halt_task: '../elsewhere.sh' }, tasks: { a: 'exit 2' } },
  async (t, rig) => {
    rig.file('elsewhere.sh', `#!/bin/sh\n${halt}\n`, 0o755)
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.same(rig.lines('trace'), ['halt '])
  },
)

rigTest(t, 'a missing default halt task is a notice', { tasks: { a: 'exit 2' } }, async (t, rig) => {
  const run = await rig.finish()
  t.equal(run.status, 2)
  t.match(run.all('notice'), [{ reason: 'no-halt-task', message: /halt\.sh/ }])
})

rigTest(
  t,
  'a halt task that the configuration names and that is missing is an error before anything runs',
  { runner: { halt_task: 'stop.sh' }, tasks: { a: 'touch "$DIR/ran"' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(run.text, /:\d+: error: halt_task: there is no file \S+stop\.sh\n/)
    t.same(run.events, [])
  },
)

rigTest(
  t,
  'a halt task that has become unstartable in the meantime is reported, and the status stays that of the chain',
  { tasks: { a: 'rm "$DIR/tasks.d/halt.sh"; exit 2', 'halt.sh': halt } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.match(run.all('try:ended')[1], {
      kind: 'halt',
      failure: { reason: 'not-started', message: /halt\.sh is not there/ },
    })
  },
)
