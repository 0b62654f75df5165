import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fixtures, type Rig, rigTest } from '../../support/rig.ts'

const ran = 'echo "$RUNNER_TASK_FILE" >> "$DIR/ran"'

const skips = (run: Awaited<ReturnType<Rig['finish']>>) =>
  run.all('task:skipped').map(({ task, key, value, message }) => `${task}: ${key} = ${value}: ${message}`)

rigTest(
  t,
  'a task that is to run once is skipped in every run after it succeeded, under a new number too, and says so',
  { tasks: { '1-a': ran, '2-b': ran }, config: '[a]\nrun = once\n[b]\ndepends_on = a' },
  async (t, rig) => {
    const first = await rig.finish()
    t.equal(first.status, 0)
    t.match(first.all('task:done'), [{ task: '1-a', recorded: true }])
    const second = await rig.finish()
    t.equal(second.status, 0)
    t.match(skips(second), [/^1-a: run = once: it succeeded in run 1, \d{4}-\S+Z$/])
    t.match(second.all('run:ended'), [{ tasks_done: 2, tasks_skipped: 1 }])
    rmSync(rig.path('tasks.d/1-a'))
    rig.task('5-a', ran)
    t.equal((await rig.finish()).all('task:skipped').length, 1)
    t.same(rig.lines('ran'), ['1-a', '2-b', '2-b', '2-b'])

    for (const [args, words] of [
      [
        ['run'],
        /runner: 5-a: skipped: it succeeded in run 1, .*\n(?:.*\n)*.*succeeded: 2 tasks, 1 skipped, in /,
      ],
      [['list', '--verbose'], /5-a {2}\(a\)\n(?: {7}.*\n)* {7}now it is skipped: it succeeded in run 1, /],
      [
        ['run', '--dry-run'],
        /would run 1 task in .*, and skip 1:\n.*5-a {2}\(skipped: it succeeded in .*\n.*2-b\n/,
      ],
      [['history'], /4 .* 2\/2 .* 1 +succeeded, 1 skipped\n/],
      [['explain'], /\nSkipped: 5-a: it succeeded in run 1, .*\.\n/],
      [['status'], /; 2 of 2 tasks done, 1 skipped; /],
    ] as const) {
      const said = rig.start([...args])
      t.equal(await said.ended, 0)
      t.match(said.text, words, args.join(' '))
    }
  },
)

rigTest(
  t,
  'a task that failed, or halted the chain, is not done; --again forgets that one was',
  { runner: { max_tries: 1 }, tasks: { a: `${ran}; exit $(cat "$DIR/status")` }, config: '[a]\nrun = once' },
  async (t, rig) => {
    for (const status of [1, 2, 3, 0, 0]) {
      rig.file('status', String(status))
      t.equal((await rig.finish()).status, status)
    }
    t.equal(rig.lines('ran').length, 4, 'skipped once it had succeeded')
    rig.file('status', '1')
    t.equal((await rig.finish('--again', 'a')).status, 1)
    t.equal((await rig.finish()).status, 1, 'and is not done since it failed')
    t.equal(rig.lines('ran').length, 6)
    for (const [args, words] of [
      [['--again', 'b'], /runner: no task is called b/],
      [['--again', 'a', '--resume'], /runner: --again begins anew, and --resume does not/],
    ] as const) {
      const run = await rig.finish(...args)
      t.equal(run.status, 64)
      t.match(run.text, words)
    }
  },
)

rigTest(
  t,
  'once-per-boot holds for the boot that is on record',
  { tasks: { a: ran }, config: '[a]\nrun = once-per-boot' },
  async (t, rig) => {
    t.equal((await rig.finish()).status, 0)
    t.match(skips(await rig.finish()), [/^a: .* it succeeded in this boot, in run 1, /])
    const file = rig.path('state/done', readdirSync(rig.path('state/done'))[0]!)
    const record = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...record, boot_id: 'of another boot' }))
    t.same((await rig.finish()).tries, ['a'])
  },
)

rigTest(
  t,
  'on-change runs a task again when it, or a file of `watch`, has other contents than when it last succeeded',
  {
    tasks: { a: ran },
    config: '[a]\nrun = on-change\nwatch = etc/one, etc/two\nmax_tries = 1',
  },
  async (t, rig) => {
    const runs = async () => (await rig.finish()).tries.length
    t.equal(await runs(), 1)
    t.equal(await runs(), 0)
    rig.task('a', `${ran}; :`)
    t.equal(await runs(), 1, 'another task')
    t.equal(await runs(), 0)
    mkdirSync(rig.path('etc'))
    writeFileSync(rig.path('etc/two'), '1\n')
    t.equal(await runs(), 1, 'a file that was not there')
    t.equal(await runs(), 0)
    writeFileSync(rig.path('etc/two'), '2\n')
    rig.task('a', `${ran}; :; exit $(cat "$DIR/status")`)
    rig.file('status', '1')
    t.equal(await runs(), 1, 'another file, and the task fails')
    rig.task('a', `${ran}; :`)
    writeFileSync(rig.path('etc/two'), '1\n')
    t.equal(await runs(), 1, 'the contents with which it had succeeded before it failed')
    t.equal(await runs(), 0)
    rig.configure({}, '[a]\nrun = on-change\nwatch = etc')
    const doubtful = await rig.finish()
    t.match(doubtful.all('notice'), [
      { reason: 'record-lost', message: /^a will run again.*etc cannot be read: it is not a regular file$/ },
    ])
    t.match(doubtful.all('task:done'), [{ recorded: false }])
    t.equal(await runs(), 1)
  },
)

rigTest(
  t,
  'a pass that begins with the first task does not repeat what is to run once',
  {
    runner: { max_tries: 2, retry_from: 'beginning' },
    tasks: { a: ran, b: `${ran}; [ "$RUNNER_TRY" = 2 ]` },
    config: '[a]\nrun = once',
  },
  async (t, rig) => {
    t.equal((await rig.finish()).status, 0)
    t.same(rig.lines('ran'), ['a', 'b', 'b'])
  },
)

rigTest(
  t,
  'a record that cannot be read or written costs a notice, and the task runs again',
  { tasks: { a: ran }, config: '[a]\nrun = once' },
  async (t, rig) => {
    await rig.finish()
    const [name] = readdirSync(rig.path('state/done'))
    for (const text of ['', '{"format":2}', 'null', '{']) {
      writeFileSync(rig.path('state/done', name!), text)
      const run = await rig.finish()
      t.equal(run.status, 0)
      t.same(run.tries, ['a'])
      t.match(run.all('notice'), [{ reason: 'record-lost', message: /^a will run again, .*\.json / }])
      t.equal((await rig.finish()).all('task:skipped').length, 1, 'and has a good record then')
    }
    rmSync(rig.path('state/done'), { recursive: true })
    rig.file('state/done', 'in the way')
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.match(run.all('task:done'), [{ recorded: false }])
    t.match(run.all('notice').at(-1)?.message, /there is no record that it succeeded: /)
  },
)

const places = ['before', 'half', 'after', 'sync', 'synced', 'rename', 'renamed']
rigTest(
  t,
  'whenever runner is killed, a task is skipped later only if it succeeded and its record was whole',
  {
    runner: { max_tries: 1 },
    tasks: { a: '[ -e "$DIR/good" ] || exit 1; echo done >> "$DIR/ran"' },
    config: '[a]\nrun = on-change\nwatch = watched',
  },
  async (t, rig) => {
    let killed = 0
    for (const place of places)
      for (let at = 1; at <= 4; at++) {
        // Something has changed, so that the former record does not hold; the task fails, or succeeds.
        rig.file('watched', `${place} ${at}`)
        rmSync(rig.path('good'), { force: true })
        const good = at % 2 === 0
        if (good) rig.file('good', '')
        const before = rig.lines('ran').length
        const env = { NODE_OPTIONS: `--import=${join(fixtures, 'kill-at.mjs')}`, KILL_AT: `${place}:${at}` }
        if ((await rig.start(['run', '--json'], { env }).ended) === 'SIGKILL') killed++
        const succeeded = rig.lines('ran').length > before
        const next = await rig.finish()
        const skipped = next.all('task:skipped').length === 1
        if (skipped && !succeeded) t.fail(`${place}:${at}: skipped, though it had not succeeded`)
        if (!good) t.equal(next.status, 1, `${place}:${at}: it is tried again`)
        else t.ok(rig.lines('ran').length > before, `${place}:${at}: it has succeeded in the end`)
      }
    t.ok(killed > 15, `${killed} kills`)
  },
)

rigTest(
  t,
  'a run that was killed between the success of a task and its record runs it again when it is resumed',
  {
    runner: { task_hook: `sh -c '[ $RUNNER_HOOK = pre ] || [ -e "$DIR/go" ] || kill -9 $PPID'` },
    tasks: { a: ran, b: ran },
    config: '[a]\nrun = once',
  },
  async (t, rig) => {
    t.equal(await rig.run().ended, 'SIGKILL')
    const journal = rig.path('state/runs/1/events.jsonl')
    const lines = readFileSync(journal, 'utf8').split('\n')
    const end = lines.findIndex(line => line.includes('"task:done"'))
    writeFileSync(journal, `${lines.slice(0, end).join('\n')}\n`)
    rmSync(rig.path('state/done'), { recursive: true })
    rig.file('go', '')
    const run = await rig.finish('--resume')
    t.same(run.all('run:started')[0]?.resumes?.done, [])
    t.same(rig.lines('ran'), ['a', 'a', 'b'])
  },
)
