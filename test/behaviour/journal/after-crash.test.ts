import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execaSync } from 'execa'
import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const ran = 'echo "$RUNNER_TASK_FILE" >> "$DIR/ran"'

rigTest(
  t,
  'a run that was killed as it asked for a reboot asks again',
  {
    runner: { reboot_command: `sh -c 'echo reboot >> "$DIR/ran"; [ -e "$DIR/go" ] || kill -9 $PPID'` },
    tasks: { a: `${ran}; exit 194`, b: ran },
  },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    const explained = rig.start(['explain'])
    await explained.ended
    t.match(explained.text, '\na had asked for a reboot, with the reboot_command.\n')
    rig.file('go', '')
    const run = await rig.finish('--resume')
    t.equal(run.status, 5)
    t.match(run.all('reboot:asked'), [{ task: 'a', reboots: 1 }])
    t.equal((await rig.finish('--resume')).status, 5, 'now it waits for the reboot')
    t.same(rig.lines('ran'), ['a', 'reboot', 'reboot'])
  },
)

rigTest(
  t,
  'so does one that was killed once more before it had asked again',
  {
    runner: { reboot_command: `sh -c 'echo reboot >> "$DIR/ran"; [ -e "$DIR/go" ] || kill -9 $PPID'` },
    tasks: { a: `${ran}; exit 194`, b: ran },
  },
  async (t, rig) => {
    for (const args of [[], ['--resume']]) t.equal(await rig.run(...args).ended, 'SIGKILL')
    const journal = rig.path('state/runs/2/events.jsonl')
    writeFileSync(journal, readFileSync(journal, 'utf8').replace(/(?<=^.*\n).*/s, ''))
    rig.file('go', '')
    const run = await rig.finish('--resume')
    t.equal(run.status, 5)
    t.match(run.all('run:started')[0]?.resumes, { run_id: 2, done: ['a'], reboot: 'a' })
    t.same(rig.lines('ran'), ['a', 'reboot', 'reboot', 'reboot'])
  },
)

rigTest(
  t,
  'of a run whose record does not even tell when it began the doubt is told, once',
  { tasks: { a: '[ -e "$DIR/go" ] || kill -9 $PPID' } },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    execaSync('sed', ['-i', '1s/^/x/', rig.path('state/runs/1/events.jsonl')])
    rig.file('go', '')
    t.match((await rig.finish('--resume')).all('notice'), [
      {
        reason: 'left-over',
        message:
          'run 1: line 1 of its journal is not the beginning of a run; something of it may be left, and still run',
      },
    ])
    t.same((await rig.finish()).all('notice'), [])
    rmSync(rig.path('state/runs/1'), { recursive: true })
  },
)

rigTest(
  t,
  'a run that was killed after no reboot could be had had given up',
  {
    runner: { reboot_command: 'false' },
    tasks: { a: '[ -e "$DIR/go" ] || exit 194', 'halt.sh': ': > "$DIR/go"; kill -9 $PPID' },
  },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    const run = await rig.finish('--resume')
    t.equal(run.status, 0)
    t.match(run.all('run:not-resumed'), [{ reason: 'ended', message: 'run 1 had come to its end: gave-up' }])
  },
)

for (const [what, spoil, told] of [
  [
    'is damaged',
    'sed -i "1a nonsense" events.jsonl',
    /^run 1: line 2 of its journal is not an event; something of it may be left, and still run$/,
  ],
  [
    'was lost',
    'mv events.jsonl events.lost.jsonl',
    /^run 1: its record was lost on the way; something of it may be left, and still run$/,
  ],
] as const)
  rigTest(
    t,
    `what a run that was killed has left is ended also where its record ${what}, and the doubt is told`,
    {
      runner: { kill_grace: 0.3 },
      tasks: {
        a: 'echo "begin $$" >> "$DIR/trace"; [ -e "$DIR/go" ] || { kill -9 $PPID; read x < "$DIR/hold"; }; echo "end $$" >> "$DIR/trace"',
      },
    },
    async (t, rig) => {
      rig.hold('hold')
      t.equal(await rig.run().ended, 'SIGKILL')
      rig.file('go', '')
      execaSync('sh', ['-c', spoil], { cwd: rig.path('state/runs/1') })
      const run = await rig.finish('--resume')
      t.equal(run.status, 0)
      t.match(
        run.all('notice').map(({ reason, message }) => [reason, message]),
        [
          ['left-over', told],
          ['left-over', /^ended what run 1, which had crashed, had left: .*tasks\.d\/a/],
        ],
      )
      const [first, second, ended] = rig.lines('trace')
      t.equal(ended, second?.replace('begin', 'end'))
      t.not(first, second)
      t.same((await rig.finish()).all('notice'), [], 'once is enough')
    },
  )

rigTest(
  t,
  'a run of the same process that has lost its record is no other run',
  { tasks: { a: 'cd "$DIR/state/runs/1" && mv events.jsonl events.lost.jsonl; exit 0' } },
  async (t, rig) => {
    const run = await rig.finish('-n', '2')
    t.equal(run.status, 0)
    t.same(
      run.all('run:ended').map(({ reason }) => reason),
      ['succeeded', 'succeeded'],
    )
    t.same(
      run.all('notice').map(({ reason }) => reason),
      ['state-lost'],
    )
  },
)

rigTest(
  t,
  'a state directory that is moved or replaced in mid-run costs the record of that run alone, and is told of',
  {
    tasks: {
      a: 'mv "$DIR/state" "$DIR/moved"; echo up; read x < "$DIR/hold"; echo late',
      b: 'echo b',
    },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const first = rig.run()
    await first.output('up')
    rig.task('a', 'exit 0')
    // With these files from elsewhere nothing tells of the first run.
    cpSync(rig.path('moved/locks'), rig.path('state/locks'), { recursive: true })
    t.equal((await rig.finish()).status, 0)
    hold.release()
    t.equal(await first.ended, 0)
    t.match(
      first.all('notice').map(({ reason, message }) => `${reason} ${message}`),
      [/^state-lost this run keeps no record any more/, /^log-lost /],
    )
    const status = rig.start(['status'])
    t.equal(await status.ended, 0)
    t.match(status.text, 'run 1: succeeded')
    t.same(rig.lines('state/runs/1/002-b.1.log'), ['b'])
  },
)

for (const [retry_from, expected] of [
  ['beginning', ['a', 'b', 'a', 'b']],
  ['failed', ['a', 'b', 'b']],
] as const)
  rigTest(
    t,
    `a try that had failed counts, though runner was killed in its post hook (retry_from = ${retry_from})`,
    {
      runner: {
        retry_from,
        max_tries: 2,
        task_hook: `sh -c 'case $RUNNER_HOOK$1 in post*RETRY*) kill -9 $PPID;; esac' sh`,
      },
      tasks: { a: ran, b: `${ran}; exit 1`, 'halt.sh': ran },
    },
    async (t, rig) => {
      t.equal(await rig.run().ended, 'SIGKILL')
      const second = rig.run('--resume')
      t.equal(await second.ended, 'SIGKILL')
      t.match(second.all('chain:waiting'), [{ task: 'b', try_num: 2 }])
      const third = await rig.finish('--resume')
      t.equal(third.status, 1)
      t.match(third.all('task:given-up'), [{ task: 'b', tries: 2 }])
      t.match(third.all('run:ended'), [{ reason: 'gave-up', task: 'b', failure: { exit_code: 1 } }])
      const explained = rig.start(['explain'])
      await explained.ended
      t.match(
        explained.text,
        /\nb, try 2 of 2: exit status 1\.\nThe limit is max_tries = 2, from .*runner\.cfg:\d+\.\n/,
      )
      t.same(rig.lines('ran'), [...expected, 'halt.sh'])
    },
  )

for (const required of ['yes', 'no'])
  rigTest(
    t,
    `so does one whose post hook was cut off by a signal (required = ${required})`,
    {
      runner: {
        retry_from: 'failed',
        task_hook: `sh -c '[ $RUNNER_TASK$RUNNER_HOOK != bpost ] || [ -e "$DIR/go" ] || { echo up; read x < "$DIR/hold"; }'`,
      },
      config: `[b]\nrequired = ${required}\nmax_tries = 2`,
      tasks: { a: ran, b: `${ran}; [ "$RUNNER_TRY" = 2 ]`, c: ran },
    },
    async (t, rig) => {
      rig.hold('hold')
      const run = rig.run()
      await run.event('hook:output')
      run.child.kill('SIGTERM')
      await run.event('run:stopping')
      run.child.kill('SIGTERM')
      t.equal(await run.ended, 143)
      rig.file('go', '')
      const next = await rig.finish('--resume')
      t.equal(next.status, 0)
      t.same(
        next.all('try:started').map(({ task, try_num }) => `${task} ${try_num}`),
        ['b 2', 'c 1'],
      )
      t.same(rig.lines('ran'), ['a', 'b', 'b', 'c'])
    },
  )
