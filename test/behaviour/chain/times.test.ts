import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const trace = (more = '') => `echo "$RUNNER_TASK $RUNNER_RUN_ID" >> "$DIR/trace"\n${more}`
/** Fails in the third run. */
const third = trace('[ "$RUNNER_RUN_ID" -lt 3 ]')

rigTest(
  t,
  '-H runs the halt task once, after success, with [env]',
  { config: '[env]\nWHERE = here', tasks: { a: trace(), 'halt.sh': trace('echo "$WHERE"; exit 9') } },
  async (t, rig) => {
    const run = await rig.finish('-H')
    t.equal(run.status, 0, 'whatever its status is')
    t.same(rig.lines('trace'), ['a 1', 'halt 1'])
    t.equal(run.taskOutput('halt.sh'), 'here\n')
    t.match(run.all('run:ended'), [{ reason: 'succeeded', tasks_done: 1 }])
  },
)

rigTest(t, '-H without a halt task is a notice', { tasks: { a: '' } }, async (t, rig) => {
  const run = await rig.finish('-H')
  t.equal(run.status, 0)
  t.match(run.all('notice'), [{ reason: 'no-halt-task' }])
})

rigTest(
  t,
  '-n 3 runs the chain three times, each a run of its own, and -H the halt task after the last',
  { tasks: { a: trace(), 'halt.sh': trace() } },
  async (t, rig) => {
    const run = await rig.finish('-n', '3', '-H')
    t.equal(run.status, 0)
    t.same(rig.lines('trace'), ['a 1', 'a 2', 'a 3', 'halt 3'])
    t.match(run.all('run:ended'), [{ run_id: 1 }, { run_id: 2 }, { run_id: 3 }])
  },
)

rigTest(
  t,
  '-n 0 runs for ever, until a run does not end with 0, whose status is the end',
  { runner: { max_tries: 1 }, tasks: { a: third, 'halt.sh': trace() } },
  async (t, rig) => {
    const run = await rig.finish('-n', '0', '-H')
    t.equal(run.status, 1)
    t.same(rig.lines('trace'), ['a 1', 'a 2', 'a 3', 'halt 3'])
  },
)

rigTest(
  t,
  '-n 5 ends early with the first run that does not end with 0',
  { tasks: { a: trace('[ "$RUNNER_RUN_ID" -lt 2 ] || exit 3') } },
  async (t, rig) => {
    t.equal((await rig.finish('-n', '5')).status, 3)
    t.same(rig.lines('trace'), ['a 1', 'a 2'])
  },
)

rigTest(
  t,
  'each run lists the directory and reads the configuration anew',
  {
    tasks: {
      a: `
printf '#!/bin/sh\\necho "new $KIND"\\n' > "$DIR/tasks.d/b"
chmod +x "$DIR/tasks.d/b"
printf '[env]\\nKIND = one\\n' >> "$DIR/runner.cfg"`,
    },
  },
  async (t, rig) => {
    const run = await rig.finish('-n', '2')
    t.equal(run.status, 0)
    t.same(run.tries, ['a', 'a', 'b'])
    t.equal(run.taskOutput('b'), 'new one\n')
  },
)

rigTest(
  t,
  'a chain that has become wrong between two runs ends the loop with 78, and says why',
  { tasks: { a: 'chmod -x "$DIR/tasks.d/a"' } },
  async (t, rig) => {
    const run = await rig.finish('-n', '0')
    t.equal(run.status, 78)
    t.same(run.tries, ['a'])
    t.match(run.text, /tasks\.d\/a: error: is not executable/)
  },
)

rigTest(
  t,
  "build-runner's spelling, runner -c FILE -n 1 -H TASKDIR, runs once and then the halt task",
  { runner: { task_dir: 'nowhere' }, tasks: { a: trace(), 'halt.sh': trace() } },
  async (t, rig) => {
    const run = rig.start(['-c', rig.path('runner.cfg'), '-n', '1', '-H', 'tasks.d'])
    t.equal(await run.ended, 0)
    t.same(rig.lines('trace'), ['a 1', 'halt 1'])
  },
)

rigTest(
  t,
  "build-runner's spelling without -n runs for ever, until a run fails, and then the halt task",
  { runner: { max_tries: 1 }, tasks: { a: third, 'halt.sh': trace() } },
  async (t, rig) => {
    const run = rig.start(['-H', '-c', 'runner.cfg', 'tasks.d'])
    t.equal(await run.ended, 1)
    t.same(rig.lines('trace'), ['a 1', 'a 2', 'a 3', 'halt 3'])
  },
)

rigTest(
  t,
  'what runs for ever ends by a signal, without the halt task',
  {
    tasks: {
      a: trace('[ "$RUNNER_RUN_ID" -lt 2 ] || { echo up; read x < "$DIR/hold"; }'),
      'halt.sh': trace(),
    },
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = rig.start(['-H', '-c', 'runner.cfg', 'tasks.d'])
    await run.says('up')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.same(rig.lines('trace'), ['a 1', 'a 2'])
  },
)
