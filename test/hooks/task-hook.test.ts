import { Ajv } from 'ajv'
import t from 'tap'
import { statsSchema, type TryStats } from '../../src/hooks/stats.ts'
import { type Rig, rigTest } from '../support/rig.ts'

const validate = new Ajv({ strict: false }).compile(statsSchema)

/** A hook that writes its phase and its last argument. */
const record = `#!/bin/sh
for last do :; done
printf '%s\\n' "$RUNNER_HOOK $last" >> "$DIR/stats"
`

function recorded(rig: Rig): ['pre' | 'post', TryStats][] {
  return rig.lines('stats').map(line => {
    const at = line.indexOf(' ')
    return [line.slice(0, at) as 'pre' | 'post', JSON.parse(line.slice(at + 1))]
  })
}

rigTest(
  t,
  'the hook gets the stats before and after each try, of every kind of end',
  {
    runner: { task_hook: './hook', retry_from: 'failed', kill_grace: 0.2 },
    config: '[c]\nmax_tries = 7\nmax_time = 0.3',
    tasks: {
      '1-a.sh': '[ "$RUNNER_TRY" = 2 ] || exit 9',
      '2-b.sh': '[ "$RUNNER_TRY" = 2 ] || kill -9 $$',
      '3-c.sh': '[ "$RUNNER_TRY" = 2 ] || read x < "$DIR/hold"\nchmod -x "$DIR/tasks.d/4-d.sh"',
      '4-d.sh': '',
      '5-e.sh': '',
    },
  },
  async (t, rig) => {
    rig.hold('hold')
    rig.file('hook', record, 0o755)
    const run = await rig.finish()
    t.equal(run.status, 1)
    const said = recorded(rig)
    for (const [phase, stats] of said) t.ok(validate(stats), `${phase} ${JSON.stringify(stats)}`)
    t.same(
      said.map(([phase]) => phase),
      said.map((_, at) => (at % 2 === 0 ? 'pre' : 'post')),
    )
    t.same(said[0], ['pre', { task: '1-a.sh', name: 'a', try_num: 1, max_retries: 5 }])
    const posts = said.flatMap(([phase, stats]) => (phase === 'post' ? [stats] : []))
    t.match(posts.slice(0, 8), [
      { task: '1-a.sh', name: 'a', try_num: 1, result: 'RETRY', exit_code: 9, run_id: 1 },
      { task: '1-a.sh', try_num: 2, result: 'OK', exit_code: 0 },
      { task: '2-b.sh', try_num: 1, result: 'RETRY', signal: 'SIGKILL' },
      { task: '2-b.sh', try_num: 2, result: 'OK' },
      { task: '3-c.sh', try_num: 1, max_retries: 7, result: 'RETRY', signal: 'SIGTERM' },
      { task: '3-c.sh', try_num: 2, max_retries: 7, result: 'OK' },
      { task: '4-d.sh', try_num: 1, max_retries: 5, result: 'RETRY' },
    ])
    t.notOk('exit_code' in posts[6]! || 'signal' in posts[6]!, 'what could not be started has no status')
    const ends = run.all('try:ended')
    t.same(
      posts.map(stats => stats.duration_seconds),
      ends.map(end => end.duration_seconds),
    )
    t.same(
      posts.map(stats => stats.started_at),
      ends.map(end => end.started_at),
    )
  },
)

for (const [status, result] of [
  [2, 'HALT'],
  [3, 'EXIT'],
] as const)
  rigTest(
    t,
    `the post hook tells of ${result}`,
    { runner: { task_hook: './hook' }, tasks: { a: `exit ${status}` } },
    async (t, rig) => {
      rig.file('hook', record, 0o755)
      t.equal((await rig.finish()).status, status)
      t.match(recorded(rig)[1], ['post', { result, exit_code: status }])
    },
  )

rigTest(
  t,
  'names with quotes, spaces, newlines and $(x) reach the hook, the task and the log unharmed',
  {
    runner: { task_hook: './hook "an argument"' },
    tasks: Object.fromEntries(
      [`1-it's "a" b.sh`, '2-new\nline', '3-$(touch ran) `x` \\n', '4-ä€😀', '5---help'].map(name => [
        name,
        'printf "%s" "$RUNNER_TASK_FILE"',
      ]),
    ),
  },
  async (t, rig) => {
    rig.file('hook', record, 0o755)
    const run = await rig.finish()
    t.equal(run.status, 0)
    const names = [`1-it's "a" b.sh`, '2-new\nline', '3-$(touch ran) `x` \\n', '4-ä€😀', '5---help']
    t.same(
      recorded(rig).map(([, stats]) => stats.task),
      names.flatMap(name => [name, name]),
    )
    t.same(
      recorded(rig)
        .map(([, stats]) => stats.name)
        .filter((_, at) => at % 2 === 0),
      [`it's "a" b`, 'new\nline', '$(touch ran) `x` \\n', 'ä€😀', '--help'],
    )
    t.same(
      run.all('try:output').map(output => output.text),
      names,
    )
    for (const end of run.all('try:ended')) t.equal(end.log.bytes, Buffer.byteLength(end.task))
  },
)

rigTest(
  t,
  'the pre hook has ended before its task starts, and the post hook before the next thing happens',
  { runner: { task_hook: './hook' }, tasks: { a: 'echo a >> "$DIR/order"', b: 'echo b >> "$DIR/order"' } },
  async (t, rig) => {
    rig.file(
      'hook',
      '#!/bin/sh\necho "$RUNNER_HOOK begins" >> "$DIR/order"\nls / > /dev/null\necho "$RUNNER_HOOK ends" >> "$DIR/order"\n',
      0o755,
    )
    t.equal((await rig.finish()).status, 0)
    const around = (name: string) => ['pre begins', 'pre ends', name, 'post begins', 'post ends']
    t.same(rig.lines('order'), [...around('a'), ...around('b')])
  },
)

rigTest(
  t,
  'the hook has [env] and knows task, file, try and run, but no RUNNER_TRY_ID',
  {
    runner: { task_hook: './hook' },
    config: '[env]\nWHERE = here',
    tasks: { '1-a.sh': '' },
  },
  async (t, rig) => {
    rig.file(
      'hook',
      '#!/bin/sh\necho "$RUNNER_HOOK $WHERE $RUNNER_TASK $RUNNER_TASK_FILE $RUNNER_TRY $RUNNER_RUN_ID <$RUNNER_TRY_ID>" >> "$DIR/env"\n',
      0o755,
    )
    t.equal((await rig.finish()).status, 0)
    t.same(rig.lines('env'), ['pre here a 1-a.sh 1 1 <>', 'post here a 1-a.sh 1 1 <>'])
  },
)

rigTest(
  t,
  "with compatible = yes the pre hook hears RUNNING, as from build-runner's code",
  { runner: { task_hook: './hook', compatible: 'yes' }, tasks: { 'a.sh': 'exit 0' } },
  async (t, rig) => {
    rig.file('hook', record, 0o755)
    t.equal((await rig.finish()).status, 0)
    const said = recorded(rig)
    for (const [phase, stats] of said) t.ok(validate(stats), `${phase} ${JSON.stringify(stats)}`)
    t.match(said, [
      ['pre', { task: 'a.sh', result: 'RUNNING' }],
      ['post', { task: 'a.sh', result: 'OK' }],
    ])
  },
)
