import t from 'tap'
import { rigTest } from '../../support/rig.ts'

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
    const logs = rig.start(['logs', 'a', '--hook'])
    t.equal(await logs.ended, 0)
    const printed = (phase: string) =>
      `==> 1-a, try 1, ${phase} hook <==\n${phase} speaks\n${phase} complains\n`
    t.equal(logs.text, `${printed('pre')}\n${printed('post')}`)
    const verified = rig.start(['logs', '--hook', '--verify', '--json'])
    t.equal(await verified.ended, 0)
    t.match(JSON.parse(verified.text), [
      { task: '1-a', try_num: 1, hook: 'pre', verdict: 'whole' },
      { task: '1-a', try_num: 1, hook: 'post', verdict: 'whole' },
    ])
    const said = (phase: string) =>
      `runner: 1-a: the ${phase} hook ended with status 5\nrunner:   | ${phase} speaks\nrunner:   | ${phase} complains\n`
    t.equal(failed.text, said('pre') + said('post'))
    const json = start(['run', '--json'], '5')
    t.equal(await json.ended, 0)
    t.match(json.hookFailures, [
      {
        hook: 'pre',
        task: '1-a',
        name: 'a',
        try_num: 1,
        failure: 'ended with status 5',
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
    t.match(run.hookFailures, [{ hook: 'pre', failure: 'ran longer than hook_time, 0.3 s, and was ended' }])
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
    t.same(run.hookFailures, [])
    hold.release()
    hold.release()
    await life.gone()
  },
)

rigTest(
  t,
  'what the background of a hook writes after its end is kept, and named as such',
  {
    runner: {
      task_hook: `sh -c '[ $RUNNER_HOOK = post ] || { echo early; (read x < "$DIR/go"; echo late; echo > "$DIR/done") & }'`,
    },
    tasks: { a: 'echo > "$DIR/go"; read x < "$DIR/done"' },
  },
  async (t, rig) => {
    rig.hold('go')
    rig.hold('done')
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.match(run.all('output:late'), [{ task: 'a', hook: 'pre', bytes: 5 }])
    const verified = rig.start(['logs', '--hook', '--verify'])
    t.equal(await verified.ended, 0)
    t.equal(
      verified.text,
      'a try 1 pre hook: whole, and 5 bytes that came later from the background\na try 1 post hook: whole\n',
    )
    const logs = rig.start(['logs', '--hook'])
    await logs.ended
    t.equal(logs.text, '==> a, try 1, pre hook <==\nearly\nlate\n')
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
    rig.file('hook', '#!/bin/sh\n', 0o755)
    const later = await rig.finish()
    t.equal(later.status, 0)
    t.match(later.hookFailures, [{ hook: 'post', failure: /could not be started: .*hook: not found/ }])
  },
)
