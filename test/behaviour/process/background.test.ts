import t from 'tap'
import { isAlive } from '../../support/processes.ts'
import { rigTest } from '../../support/rig.ts'

rigTest(
  t,
  'a child in the background that holds the output open does not keep the chain, and what it writes later is in the log of its try',
  {
    tasks: {
      '1-a': `( read x < "$DIR/late"; echo late ) &\necho now`,
      '2-b': 'echo up\nread x < "$DIR/hold"',
    },
  },
  async (t, rig) => {
    const [late, hold] = [rig.hold('late'), rig.hold('hold')]
    const run = rig.run()
    await run.output('up')
    t.match(run.all('try:ended'), [{ task: '1-a', outcome: 'OK', killed: [] }], 'the chain has gone on')
    late.release()
    const told = await run.event('try:output', output => output.text === 'late\n')
    t.match(told, { task: '1-a', name: 'a', try_num: 1 })
    hold.release()
    t.equal(await run.ended, 0)
    t.equal(rig.log('001-1-a.1.log').toString(), 'now\nlate\n')
    t.equal(rig.log('002-2-b.1.log').toString(), 'up\n')
  },
)

for (const [status, outcome] of [
  [0, 'OK'],
  [2, 'HALT'],
  [3, 'EXIT'],
] as const)
  rigTest(
    t,
    `after ${outcome} a child in the background is left alone, also beyond the end of runner, where it gets SIGPIPE if it writes`,
    {
      tasks: {
        a: `(exec 9> "$DIR/life"; echo "$RUNNER_TRY_ID" > "$DIR/up"; read x < "$DIR/late"; echo late; echo survived >> "$DIR/trace") &\nread x < "$DIR/up"\nexit ${status}`,
      },
    },
    async (t, rig) => {
      const late = rig.hold('late')
      rig.hold('up')
      const life = rig.lifeline('life')
      const run = await rig.finish()
      t.equal(run.status, status)
      t.match(run.all('try:ended'), [{ outcome, killed: [], survivors: [] }])
      const [left] = rig.leftovers()
      t.match(left, /^process \d+: /, 'it lives')
      late.release()
      await life.gone()
      t.same(rig.lines('trace'), [], 'the pipe it wrote into has no reader')
    },
  )

rigTest(
  t,
  'after OK a daemon that has let go of the output lives on unharmed',
  {
    tasks: {
      a: `(exec 9> "$DIR/life" >/dev/null 2>&1; echo > "$DIR/up"; read x < "$DIR/late"; echo late; echo survived >> "$DIR/trace") &\nread x < "$DIR/up"`,
    },
  },
  async (t, rig) => {
    const late = rig.hold('late')
    rig.hold('up')
    const life = rig.lifeline('life')
    t.equal((await rig.finish()).status, 0)
    late.release()
    await life.gone()
    t.same(rig.lines('trace'), ['survived'])
  },
)

rigTest(
  t,
  'a child that writes without end in the background keeps neither the chain nor the end of runner',
  { tasks: { '1-a': `(exec 9> "$DIR/life"; exec yes) &\n`, '2-b': 'echo b' } },
  async (t, rig) => {
    const life = rig.lifeline('life')
    const run = rig.start(['run'], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.equal(await run.ended, 0)
    await life.gone()
    t.equal(rig.log('002-2-b.1.log').toString(), 'b\n')
  },
)

rigTest(
  t,
  'a task that closes its output runs until its own end, and its time limit holds',
  {
    runner: { max_time: 0.5, max_tries: 1, retry_from: 'failed' },
    config: '[a]\nmax_time = 60',
    tasks: {
      '1-a': 'echo up\nexec >&- 2>&-\nread x < "$DIR/hold"\necho done >> "$DIR/trace"',
      '2-b': 'exec >&- 2>&-\nread x < "$DIR/never"',
    },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.hold('never')
    const run = rig.run()
    const { pid } = await run.event('try:running')
    await run.output('up')
    t.ok(isAlive(pid))
    t.same(run.all('try:ended'), [])
    hold.release()
    t.equal(await run.ended, 1)
    t.same(rig.lines('trace'), ['done'])
    t.match(run.all('try:ended'), [{ outcome: 'OK' }, { outcome: 'RETRY', failure: { reason: 'timed-out' } }])
  },
)

rigTest(
  t,
  'with -n what one run leaves in the background can write as long as runner runs',
  {
    tasks: {
      a: `if [ ! -e "$DIR/first" ]; then
  : > "$DIR/first"
  (read x < "$DIR/go"; echo late; echo done > "$DIR/done") &
else
  echo > "$DIR/go"
  read x < "$DIR/done"
fi`,
    },
  },
  async (t, rig) => {
    rig.hold('go')
    rig.hold('done')
    const run = await rig.finish('-n', '2')
    t.equal(run.status, 0)
    t.same(run.outcomes(), ['OK', 'OK'])
  },
)
