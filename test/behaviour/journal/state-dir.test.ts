import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import t from 'tap'
import { logFileName } from '../../../src/journal/files.ts'
import { rigTest } from '../../support/rig.ts'

rigTest(
  t,
  'each run has a directory of its own, mode 0700, in which each log is exactly what its try wrote',
  {
    tasks: {
      '1-a.sh': 'echo "try $RUNNER_TRY"\n[ "$RUNNER_TRY" = 2 ]',
      '2-b': 'printf "b\\000"',
      'halt.sh': 'echo halt',
    },
  },
  async (t, rig) => {
    const run = await rig.finish('-H')
    t.equal(run.status, 0)
    t.match(run.all('run:started'), [{ run_id: 1, run_dir: rig.path('state/runs/1') }])
    const logs = {
      '001-1-a.sh.1.log': 'try 1\n',
      '002-1-a.sh.2.log': 'try 2\n',
      '003-2-b.2.log': 'b\0',
      '004-halt.sh.1.log': 'halt\n',
    }
    t.same(readdirSync(rig.path('state/runs/1')), [...Object.keys(logs), 'events.jsonl'])
    for (const [name, text] of Object.entries(logs)) t.equal(rig.log(name).toString(), text)
    t.same(
      run.all('try:ended').map(end => end.log.file),
      Object.keys(logs).map(name => rig.path('state/runs/1', name)),
    )
    for (const name of ['state', 'state/runs', 'state/runs/1'])
      t.equal(statSync(rig.path(name)).mode & 0o777, 0o700, name)
    t.equal(statSync(rig.path('state/runs/1/003-2-b.2.log')).mode & 0o777, 0o600)
  },
)

rigTest(
  t,
  'run ids count up, also over runs that are gone, and keep_runs are kept',
  { runner: { keep_runs: 2 }, tasks: { a: '' } },
  async (t, rig) => {
    const run = await rig.finish('-n', '4')
    t.same(
      run.all('run:started').map(start => start.run_id),
      [1, 2, 3, 4],
    )
    t.same(readdirSync(rig.path('state/runs')).sort(), ['3', '4'])
    t.match((await rig.finish()).all('run:started'), [{ run_id: 5 }])
    t.same(readdirSync(rig.path('state/runs')).sort(), ['4', '5'])
  },
)

rigTest(
  t,
  'a state directory that cannot be written is replaced by a temporary one, with a warning',
  { runner: { state_dir: 'runner.cfg/state' }, tasks: { a: 'echo a' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    const [notice] = run.all('notice')
    t.match(notice, {
      reason: 'state-lost',
      message:
        /state directory \S+\/runner\.cfg\/state cannot be used: not a directory; nothing keeps another run from starting, and records go to/,
    })
    const [instead] = readdirSync(rig.path('tmp'))
    t.ok(notice!.message.includes(`records go to ${rig.path('tmp', instead!)}; `))
    t.ok(existsSync(rig.path('tmp', instead!, 'runs/1/001-a.1.log')))
    t.same(rig.notices(1, rig.path('tmp', instead!)), [notice!.message])
    rmSync(rig.path('tmp', instead!), { recursive: true })
  },
)

rigTest(
  t,
  'where no temporary directory can be had either the chain runs without any record',
  {
    runner: { state_dir: 'runner.cfg/state', retry_from: 'failed' },
    tasks: { a: 'echo a; [ "$RUNNER_TRY" = 2 ]', b: 'echo b >&2' },
  },
  async (t, rig) => {
    const run = rig.start(['run', '--json'], { env: { TMPDIR: rig.path('runner.cfg') } })
    t.equal(await run.ended, 0)
    t.match(run.all('notice'), [
      { reason: 'state-lost', message: /this run keeps no records; set state_dir/ },
    ])
    t.equal(run.taskOutput(), 'a\na\nb\n')
    t.notMatch(run.all('try:ended')[0], { log: { file: String } })
  },
)

rigTest(
  t,
  'a state directory that is removed while the chain runs costs the record alone, and is told once',
  {
    tasks: {
      '1-a': 'echo a; until rm -rf "$DIR/state" 2>/dev/null; do :; done; echo gone',
      '2-b': 'echo b; echo c >&2',
      '3-c': 'seq 1 20000 | tail -n 1',
    },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), 'a\ngone\nb\nc\n20000\n')
    t.same(
      run.all('notice').map(({ reason }) => reason),
      ['state-lost', 'log-lost'],
    )
    t.notMatch(run.all('try:ended')[1], { log: { file: String } })
    t.match((await rig.finish()).all('run:started'), [{ run_id: 1 }], 'the next run makes it anew')
  },
)

t.test('the name of a log is fit for a file system, whatever the task is called', async t => {
  t.equal(logFileName(1, 'a b\n/c', '1'), '001-a b__c.1.log')
  const long = logFileName(1234, 'ä'.repeat(127), '12.post-hook')
  t.ok(Buffer.byteLength(long) <= 255, long)
  t.notMatch(long, /\ufffd/)
})

rigTest(
  t,
  'a state directory in a file system that takes none costs the record place, not the run',
  { runner: { state_dir: '/proc/runner/state' }, tasks: { a: 'exit 0' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    const [notice] = run.all('notice')
    t.match(notice, { reason: 'state-lost', message: /\/proc\/runner\/state cannot be used/ })
    rmSync(notice!.message.match(/records go to (.*?);/)![1]!, { recursive: true })
  },
)
