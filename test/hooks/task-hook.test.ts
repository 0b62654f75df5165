import { Ajv } from 'ajv'
import t from 'tap'
import { type Stats, statsSchema } from '../../src/hooks/stats.ts'
import { type Rig, rigTest } from '../support/rig.ts'

const validate = new Ajv({ strict: false }).compile(statsSchema)

/** A hook that writes its phase and its last argument. */
const record = `#!/bin/sh
for last do :; done
printf '%s\\n' "$RUNNER_HOOK $last" >> "$DIR/stats"
`

function recorded(rig: Rig): ['pre' | 'post', Stats][] {
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

const failing = '#!/bin/sh\necho "$RUNNER_HOOK speaks"\necho "$RUNNER_HOOK complains" >&2\nexit $STATUS\n'

rigTest(
  t,
  'what a hook prints goes to files of its own, and is shown with -v or when the hook failed',
  { runner: { task_hook: './hook' }, tasks: { '1-a': 'echo task' } },
  async (t, rig) => {
    rig.file('hook', failing, 0o755)
    const start = (args: string[], STATUS: string) => rig.start(args, { env: { STATUS } })
    const fine = start(['run'], '0')
    t.equal(await fine.ended, 0)
    t.notMatch(fine.text, 'speaks')
    t.equal(rig.log('001-1-a.1.pre-hook.log').toString(), 'pre speaks\npre complains\n')
    t.equal(rig.log('002-1-a.1.log').toString(), 'task\n')
    t.equal(rig.log('003-1-a.1.post-hook.log').toString(), 'post speaks\npost complains\n')
    const verbose = start(['run', '-v'], '0')
    t.equal(await verbose.ended, 0)
    t.match(verbose.text, /\npre speaks\npre complains\n/)
    t.match(verbose.text, /\npost speaks\npost complains\n/)
    const failed = start(['run', '-q'], '5')
    t.equal(await failed.ended, 0, 'a failure of a hook changes nothing')
    const said = (phase: string) =>
      `runner: 1-a: the ${phase} hook ended with status 5\nrunner:   | ${phase} speaks\nrunner:   | ${phase} complains\n`
    t.equal(failed.text, said('pre') + said('post'))
    const json = start(['run', '--json'], '5')
    t.equal(await json.ended, 0)
    t.match(json.all('hook:failed'), [
      {
        hook: 'pre',
        task: '1-a',
        name: 'a',
        try_num: 1,
        message: 'ended with status 5',
        last_lines: ['pre speaks', 'pre complains'],
      },
      { hook: 'post' },
    ])
  },
)

rigTest(
  t,
  'a hook that hangs is ended after hook_time with all of its group, reported, and changes nothing',
  { runner: { task_hook: './hook', hook_time: 0.3, kill_grace: 0.2 }, tasks: { a: 'echo a' } },
  async (t, rig) => {
    rig.hold('hold')
    rig.file(
      'hook',
      '#!/bin/sh\n[ $RUNNER_HOOK = pre ] || exit 0\ntrap "" TERM\ncat "$DIR/hold" &\nread x < "$DIR/hold"\n',
      0o755,
    )
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.match(run.all('hook:failed'), [
      { hook: 'pre', message: 'ran longer than hook_time, 0.3 s, and was ended' },
    ])
    t.same(run.outcomes(), ['OK'])
  },
)

rigTest(
  t,
  'a child that a hook leaves in the background with its output open does not keep the chain',
  { runner: { task_hook: './hook' }, tasks: { a: 'echo a' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.hold('up')
    const life = rig.lifeline('life')
    rig.file(
      'hook',
      '#!/bin/sh\n(exec 9> "$DIR/life"; echo > "$DIR/up"; read x < "$DIR/hold") &\nread x < "$DIR/up"\n',
      0o755,
    )
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(run.all('hook:failed'), [])
    hold.release()
    hold.release()
    await life.gone()
  },
)

rigTest(
  t,
  'a hook program that is not there is an error before anything runs; one that goes later is reported',
  { runner: { task_hook: 'tools/none --flag' }, tasks: { a: 'rm -f "$DIR/hook"' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(
      run.text,
      new RegExp(
        `runner\\.cfg:\\d+: error: task_hook: ${rig.path('tools/none')} is not there or not executable`,
      ),
    )
    t.same(run.events, [])
    rig.configure({ task_hook: './hook' })
    rig.file('hook', record, 0o755)
    const later = await rig.finish()
    t.equal(later.status, 0)
    t.match(later.all('hook:failed'), [{ hook: 'post', message: /could not be started: .*hook: not found/ }])
  },
)
