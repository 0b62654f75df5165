import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { type Rig, rigTest } from '../../support/rig.ts'

async function say(rig: Rig, ...args: string[]) {
  const run = rig.start(args)
  return { status: await run.ended, text: run.text }
}

rigTest(
  t,
  'status says what a run is at, and --wait ends as the run does',
  { tasks: { a: 'exit 0', b: 'read x < "$DIR/hold"; exit 3' } },
  async (t, rig) => {
    t.equal((await say(rig, 'status')).status, 7, 'there is no run yet')
    const hold = rig.hold('hold')
    const run = rig.run()
    await run.event('try:running', ({ task }) => task === 'b')
    const now = await say(rig, 'status')
    t.equal(now.status, 0)
    t.match(
      now.text,
      /run 1: running since .*; 1 of 2 tasks done\n {2}b: try 1 of \d+, for .*\(no usual time known\)/,
    )
    const json = JSON.parse((await say(rig, 'status', '--json')).text)
    t.match(json, { run_id: 1, state: 'running', task: 'b', try_num: 1, tasks_done: 1, task_seconds: Number })
    const waiting = rig.start(['status', '--wait'])
    hold.release()
    t.equal(await run.ended, 3)
    t.equal(await waiting.ended, 3)
    t.match(waiting.text, /run 1: exited at b \(exit status 3\); 1 of 2 tasks done/)
  },
)

rigTest(
  t,
  'a run whose process has gone is shown as crashed, with a status of its own',
  { tasks: { a: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    await rig.run().ended
    const { status, text } = await say(rig, 'status', '--wait')
    t.equal(status, 6)
    t.match(text, 'run 1: ended without a word at a: runner was killed')
    t.match(text, /took at least \d/)
    t.match((await say(rig, 'history')).text, /1 .* at least \d+ ms +0\/1 +1 +crashed \(a\)/)
    t.match(JSON.parse((await say(rig, 'status', '--json')).text), {
      state: 'crashed',
      duration_at_least: true,
    })
    t.match((await say(rig, 'explain')).text, /ended without a word.*\na, try 1 of \d+: was under way\./)
    rig.file('go', '')
    t.equal((await rig.finish()).status, 0)
    t.notMatch((await say(rig, 'status')).text, 'at least')
    t.notHas(JSON.parse((await say(rig, 'status', '--json')).text), { duration_at_least: true })
  },
)

rigTest(
  t,
  'explain names what was under way when runner was killed: the halt task, and a hook',
  {
    runner: { max_tries: 1, task_hook: `sh -c '[ $RUNNER_HOOK != "$KILL" ] || kill -9 $PPID'` },
    tasks: { a: 'echo why; exit 2', 'halt.sh': 'kill -9 $PPID' },
  },
  async (t, rig) => {
    await rig.run().ended
    t.match(
      (await say(rig, 'explain')).text,
      /ended without a word.*\na, try 1 of 1: exit status 2\.\nThe halt task halt\.sh was under way\.\nIts last lines:\n {2}\| why\n/,
    )
    for (const hook of ['pre', 'post']) {
      await rig.start(['run', '--json'], { env: { KILL: hook } }).ended
      t.match((await say(rig, 'explain')).text, `The ${hook} hook of a, try 1, was under way.\n`)
      t.match((await say(rig, 'status')).text, 'ended without a word at a: runner was killed')
    }
    rig.task('halt.sh', 'exit 0')
    t.equal((await rig.finish()).status, 2)
  },
)

rigTest(
  t,
  'explain shows the last lines of a task that was cut off, and of one that runs',
  {
    runner: { log_limit: 1000 },
    tasks: {
      a: 'printf "get 1%%\\rget 99%%\\n"; seq -f %05g 20000; printf "%400s\\n" long; echo up; read x < "$DIR/hold"',
    },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.run()
    await run.output('up')
    const now = (await say(rig, 'explain')).text
    t.match(now, /: it is running\.\na, try 1 of \d+: is under way\.\nIts last lines:\n/)
    t.match(
      now,
      /\n {2}\| 19999\n {2}\| 20000\n {2}\| {202}…\n {2}\| up\nAll of its output: .*001-a\.1\.log\n/,
    )
    run.child.kill('SIGKILL')
    await run.ended
    t.match((await say(rig, 'explain')).text, /: was under way\.\nIts last lines:\n.*\n {2}\| up\n/s)
    hold.release()
    rig.task('a', '[ -e "$DIR/again" ] && exec echo done; : > "$DIR/again"; exit 1')
    rig.configure({ sleep_time: 600 })
    const waits = rig.run()
    await waits.event('chain:waiting')
    waits.child.kill('SIGKILL')
    await waits.ended
    t.match(
      (await say(rig, 'explain')).text,
      /a, try 1 of \d+: exit status 1\.\nIt was waiting for try 2, from a\.\n/,
    )
    rig.configure({})
    t.equal((await rig.finish()).status, 0)
  },
)

rigTest(
  t,
  'status and explain say which hook runs',
  {
    runner: { task_hook: `sh -c '[ $RUNNER_HOOK = pre ] || { echo up; read x < "$DIR/hold"; }'` },
    tasks: { a: '' },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.run()
    await run.event('hook:output')
    t.match((await say(rig, 'status')).text, /\n {2}a: post hook of try 1, for \d+/)
    t.match(JSON.parse((await say(rig, 'status', '--json')).text), { task: 'a', hook: 'post', try_num: 1 })
    t.match((await say(rig, 'explain')).text, 'The post hook of a, try 1, is under way.\n')
    hold.release()
    t.equal(await run.ended, 0)
  },
)

rigTest(
  t,
  'explain names task, try, the setting that set the limit with file and line, who was killed, and the last lines',
  {
    runner: { kill_grace: 0, max_tries: 1 },
    config: '[b]\nmax_time = 0.3',
    tasks: { a: 'exit 0', b: 'echo one; echo two; sleep 60' },
  },
  async (t, rig) => {
    t.equal((await rig.finish()).status, 1)
    const { text } = await say(rig, 'explain', '1')
    t.match(text, /^run 1, started .*: it gave up \(status 1\)\./)
    t.match(text, /\nb, try 1 of 1: ran longer than its max_time, 300 ms\.\n/)
    t.match(
      text,
      /\nThe limit is max_time = 300 ms, from .*runner\.cfg:\d+\.\nThe limit is max_tries = 1, from/,
    )
    t.match(text, /\nEnded with it: .*sleep 60 \(pid \d+\)/)
    t.match(text, '\nIts last lines:\n  | one\n  | two\n')
    t.match(JSON.parse((await say(rig, 'explain', '--json')).text), {
      run_id: 1,
      state: 'gave-up',
      task: 'b',
      limits: [
        { key: 'max_time', value: 0.3, from: /runner\.cfg:\d+$/ },
        { key: 'max_tries', value: 1, from: /runner\.cfg:\d+$/ },
      ],
    })
    t.equal((await say(rig, 'explain', '2')).status, 7)
  },
)

rigTest(
  t,
  'logs --verify tells a whole log from one that is cut, changed or gone',
  { tasks: { a: 'echo alpha', b: 'echo beta', c: 'echo gamma', d: 'echo delta', e: 'echo epsilon' } },
  async (t, rig) => {
    await rig.finish()
    t.equal((await say(rig, 'logs', '--verify')).status, 0)
    const log = (name: string) => rig.path('state', 'runs', '1', name)
    truncateSync(log('002-b.1.log'), 2)
    writeFileSync(log('003-c.1.log'), 'Gamma\n')
    rmSync(log('004-d.1.log'))
    appendFileSync(log('005-e.1.log'), 'more\n')
    const { status, text } = await say(rig, 'logs', '--verify')
    t.equal(status, 1)
    t.match(text.split('\n'), [
      'a try 1: whole',
      'b try 1: cut (2 of 5 bytes are there)',
      'c try 1: changed',
      /^d try 1: missing/,
      'e try 1: changed (5 bytes have been added)',
    ])
    t.match((await say(rig, 'logs', '1', 'a')).text, '==> a, try 1 <==\nalpha\n')
    t.equal((await say(rig, 'logs', '1', 'x')).status, 7)
  },
)

rigTest(
  t,
  'logs -f shows what comes until the run has ended',
  { tasks: { a: 'echo before; read x < "$DIR/hold"; echo after', b: 'echo last' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.run()
    await run.output('before')
    const follow = rig.start(['logs', '-f'])
    await follow.says('before')
    hold.release()
    t.equal(await run.ended, 0)
    t.equal(await follow.ended, 0)
    t.equal(follow.text, '==> a, try 1 <==\nbefore\nafter\n\n==> b, try 1 <==\nlast\n')
  },
)

rigTest(
  t,
  'graph shows order and dependencies, as text and for Mermaid',
  { config: '[a]\ndepends_on = b', tasks: { a: 'exit 0', b: 'exit 0', c: 'exit 0' } },
  async (t, rig) => {
    t.equal((await say(rig, 'graph')).text, '  1  b\n  2  a  <- b\n  3  c\n')
    const mermaid = (await say(rig, 'graph', '--mermaid')).text
    t.match(mermaid, /^flowchart TD\n/)
    t.match(mermaid, ' t1["b"]\n')
    t.match(mermaid, ' t1 --> t2\n')
  },
)

rigTest(
  t,
  'a name that means something to Mermaid is shown as it is',
  { tasks: { '1-<b>&"#': 'exit 0' } },
  async (t, rig) => {
    t.match((await say(rig, 'graph', '--mermaid')).text, ' t1["1-#60;b#62;#38;#34;#35;"]\n')
  },
)

rigTest(
  t,
  'with less than min_free on the disk output is shown but not kept, and it says so',
  { runner: { min_free: '900T' }, tasks: { a: 'echo shown' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput('a'), 'shown\n')
    t.match(run.all('notice'), [{ reason: 'log-lost', message: /shown, but no longer kept.*min_free/ }])
    t.match((await say(rig, 'logs', '--verify')).text, 'a try 1: not-kept')
    t.match(await say(rig, 'logs', 'a'), {
      status: 1,
      text: 'runner: a, try 1: its 6 bytes of output were not kept\n',
    })
    t.match(await say(rig, 'logs', '-f', '1', 'b'), {
      status: 7,
      text: /^runner: run 1 has no try of b; `runner list` shows the tasks; .* 8 characters of the id of its execution or more, or by JOB@latest\n$/,
    })
  },
)

rigTest(
  t,
  'a journal whose last line is half written can be read; one with nonsense in it begins anew',
  { tasks: { a: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    await rig.run().ended
    rig.file('go', '')
    const journal = rig.path('state', 'runs', '1', 'events.jsonl')
    appendFileSync(journal, '{"at":"2026-01-')
    const resumed = await rig.finish('--resume')
    t.equal(resumed.all('run:started')[0]?.resumes?.run_id, 1)
    appendFileSync(rig.path('state', 'runs', '2', 'events.jsonl'), 'nonsense\n')
    const anew = await rig.finish('--resume')
    t.match(anew.all('run:not-resumed'), [
      { reason: 'unreadable', message: /run 2: line \d+ of its journal is not an event/ },
    ])
    t.equal(anew.status, 0)
  },
)

rigTest(
  t,
  'what the background of a task writes after its end is whole, and named as such',
  {
    tasks: {
      a: 'echo early; (read x < "$DIR/go"; echo late; echo done > "$DIR/done") &',
      b: 'echo > "$DIR/go"; read x < "$DIR/done"',
    },
  },
  async (t, rig) => {
    rig.hold('go')
    rig.hold('done')
    t.equal((await rig.finish()).status, 0)
    const { status, text } = await say(rig, 'logs', '--verify')
    t.equal(status, 0)
    t.match(text, 'a try 1: whole, and 5 bytes that came later from the background\n')
    t.equal((await say(rig, 'logs', 'a')).text, '==> a, try 1 <==\nearly\nlate\n')
  },
)

rigTest(
  t,
  'a record that cannot be read is shown as that, and nothing older in its place',
  { tasks: { a: 'exit 0' } },
  async (t, rig) => {
    await rig.finish()
    for (const text of ['nonsense\n', '{"event":"run:started","format":1}\n', `${'x'.repeat(100000)}\n`]) {
      const run = await rig.finish()
      const id = run.all('run:started')[0]!.run_id
      writeFileSync(rig.path('state', 'runs', String(id), 'events.jsonl'), text)
      const status = await say(rig, 'status')
      t.equal(status.status, 7)
      t.match(status.text, `run ${id}: line 1 of its journal is not the beginning of a run`)
      t.match((await say(rig, 'history')).text, new RegExp(`^${id} .*unreadable: line 1`, 'm'))
      t.equal((await say(rig, 'explain', String(id))).status, 7)
      const resumed = await rig.finish('--resume')
      t.match(resumed.all('run:not-resumed'), [{ reason: 'unreadable' }])
    }
  },
)

rigTest(
  t,
  'a journal that is removed in mid-run is told of, and the run is not gone on with',
  { tasks: { a: 'rm "$DIR"/state/runs/1/events.jsonl', b: 'exit 0' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.match(run.all('notice'), [
      { reason: 'state-lost', message: /keeps no record any more.*it has been removed/ },
    ])
  },
)

rigTest(
  t,
  'chains that share a state directory keep each its own runs',
  { runner: { keep_runs: 2, allow_empty: 'yes' }, tasks: { a: 'exit 0' } },
  async (t, rig) => {
    await rig.finish()
    const other = rig.path('tmp')
    for (let time = 0; time < 4; time++) t.equal(await rig.start(['run', other]).ended, 0)
    const ids = (text: string) => (JSON.parse(text) as { run_id: number }[]).map(({ run_id }) => run_id)
    t.same(ids((await say(rig, 'history', '--json')).text), [1])
    t.same(ids((await say(rig, 'history', '--json', '--task-dir', other)).text), [5, 4])
  },
)

rigTest(
  t,
  'logs that cannot be written out end with 70, and following ends when nobody reads',
  { tasks: { a: 'until [ -e "$DIR/go" ]; do echo a; sleep 0.05; done' } },
  async (t, rig) => {
    const run = rig.run()
    await run.output('a')
    const shell = (line: string) => rig.start(['logs'], { before: ['sh', '-c', line, 'sh'] })
    for (const args of ['', '-f', '--json']) {
      const full = shell(`"$@" ${args} > /dev/full`)
      t.equal(await full.ended, 70, args)
      t.match(full.text, 'standard output cannot be written: no space left on device')
    }
    const cut = shell('"$@" -f | head -n 1')
    t.equal(await cut.ended, 0)
    t.match(cut.text, /^==> a, try 1 <==\n$/)
    rig.file('go', '')
    t.equal(await run.ended, 0)
  },
)
