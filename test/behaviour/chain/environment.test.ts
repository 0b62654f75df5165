import t from 'tap'
import { mounts } from '../../support/mounts.ts'
import { root } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'

const isRoot = root.missing === undefined
const dump = 'env | grep ^RUNNER_ | grep -v ^RUNNER_TEST >> "$DIR/$RUNNER_TASK.env"'

rigTest(
  t,
  'a task knows its name, its file, its try, its run and an id that is new for each try',
  { tasks: { '1-a-b.sh': `${dump}.$RUNNER_TRY\n[ "$RUNNER_TRY" = 2 ]` } },
  async (t, rig) => {
    t.equal((await rig.finish('-n', '1')).status, 0)
    const read = (file: string) =>
      Object.fromEntries(
        rig.lines(file).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      )
    const [first, second] = [read('a-b.env.1'), read('a-b.env.2')]
    const same = { RUNNER_TASK: 'a-b', RUNNER_TASK_FILE: '1-a-b.sh', RUNNER_RUN_ID: '1' }
    t.match(first, { ...same, RUNNER_TRY: '1', RUNNER_TRY_ID: /^[0-9a-f]{32}$/ })
    t.match(second, { ...same, RUNNER_TRY: '2', RUNNER_TRY_ID: /^[0-9a-f]{32}$/ })
    t.not(first.RUNNER_TRY_ID, second.RUNNER_TRY_ID)
    t.same(
      Object.keys(first).sort(),
      [...Object.keys(same), 'RUNNER_CONFIG_CMD', 'RUNNER_TRY', 'RUNNER_TRY_ID'].sort(),
    )
  },
)

rigTest(
  t,
  'a task has the environment of the run, and [env] before it, but never over what runner itself sets',
  {
    env: { KEPT: 'kept', CHANGED: 'old' },
    config: '[env]\nCHANGED = new = value\nEMPTY =\nLINES_ = one\n  two\nRUNNER_TASK = mine',
    tasks: { a: 'printf "%s|" "$KEPT" "$CHANGED" "$(printenv EMPTY)$?" "$LINES_" "$RUNNER_TASK"' },
  },
  async (t, rig) => {
    const run = await rig.finish('-v')
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), 'kept|new = value|0|one\ntwo|a|')
    t.match(run.text, /warning: RUNNER_TASK is set by runner itself/)
  },
)

rigTest(
  t,
  'standard input is /dev/null, and no file that runner has open reaches a task but its output',
  { tasks: { a: 'for fd in /proc/$$/fd/*; do echo "$(basename "$fd") $(readlink "$fd")"; done' } },
  async (t, rig) => {
    const run = await rig.finish()
    const open = run.taskOutput().split('\n')
    t.ok(open.includes('0 /dev/null'))
    const ours = open.filter(line => line.includes(rig.dir) && !line.endsWith('/tasks.d/a'))
    t.match(ours, [/^1 .*\/output-\w+\/0$/, /^2 .*\/output-\w+\/0$/])
    t.equal(ours.length, 2)
  },
)

rigTest(
  t,
  'RUNNER_CONFIG_CMD is set where there is no configuration file, and finds nothing',
  {
    tasks: { a: 'echo "<$RUNNER_CONFIG_CMD> <$($RUNNER_CONFIG_CMD -g runner.max_time)> $?"' },
    needs: isRoot ? [mounts] : [],
  },
  async (t, rig) => {
    const ownVar = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /var/lib && exec "$@"', 'sh']
    const run = rig.start(['run', '--json', rig.path('tasks.d')], {
      cwd: rig.path('tmp'),
      env: { XDG_STATE_HOME: rig.path('state') },
      before: isRoot ? ownVar : [],
    })
    t.equal(await run.ended, 0)
    t.notMatch(run.all('run:started')[0], { config_file: String })
    t.match(run.taskOutput(), /^<\S+ -c \/dev\/null> <> 0\n$/)
  },
)

rigTest(
  t,
  'RUNNER_CONFIG_CMD is set for hooks and the halt task too',
  {
    runner: {
      task_hook: `sh -c '[ "$RUNNER_HOOK" = post ] || $RUNNER_CONFIG_CMD -g facts.one >> "$DIR/trace"'`,
    },
    config: '[facts]\none = 1',
    tasks: {
      a: '$RUNNER_CONFIG_CMD -g facts.one >> "$DIR/trace"',
      'halt.sh': '$RUNNER_CONFIG_CMD -g facts.one >> "$DIR/trace"',
    },
  },
  async (t, rig) => {
    t.equal((await rig.finish('-H')).status, 0)
    t.same(rig.lines('trace'), ['1', '1', '1'])
  },
)

rigTest(
  t,
  'a task sees what the task before it changed in the configuration',
  {
    config: '[facts]\none = before',
    tasks: { a: 'sed -i s/before/after/ "$DIR/runner.cfg"', b: '$RUNNER_CONFIG_CMD -g facts.one' },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.taskOutput('b'), 'after\n')
  },
)

rigTest(
  t,
  'what runner sets for hooks and tries alone cannot be set by [env]',
  {
    runner: { task_hook: `sh -c 'echo "hook \${RUNNER_TRY_ID-none}" >> "$DIR/trace"'` },
    config: '[env]\nRUNNER_HOOK = mine\nRUNNER_TRY_ID = mine',
    tasks: { a: `echo "task \${RUNNER_HOOK-none}" >> "$DIR/trace"` },
  },
  async (t, rig) => {
    t.equal((await rig.finish()).status, 0)
    t.same(rig.lines('trace'), ['hook none', 'task none', 'hook none'])
  },
)
