import t from 'tap'
import { rigTest } from '../../support/rig.ts'

rigTest(
  t,
  "a task's own max_tries, sleep_time, backoff and retry_jitter are really applied",
  {
    runner: { retry_from: 'failed', max_tries: 2, sleep_time: 500, retry_jitter: 500, backoff: 50 },
    config:
      '[a]\nmax_tries = 4\nsleep_time = 0.01\nretry_jitter = 0\nbackoff = 2\n[b]\nmax_tries = 3\nsleep_time = 0\nretry_jitter = 0.01\nbackoff = 1',
    tasks: { '1-a': '[ "$RUNNER_TRY" = 4 ]', '2-b': 'exit 1' },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.same(run.tries, ['1-a', '1-a', '1-a', '1-a', '2-b', '2-b', '2-b'])
    const delays = run.all('chain:waiting').map(wait => wait.delay_seconds)
    t.same(delays.slice(0, 3), [0.02, 0.04, 0.08])
    for (const delay of delays.slice(3)) t.ok(delay >= 0 && delay <= 0.01, `${delay} is within the jitter`)
    t.match(
      run.all('try:started').map(start => start.max_tries),
      [4, 4, 4, 4, 3, 3, 3],
    )
  },
)

rigTest(
  t,
  "a task's own max_time and kill_grace are really applied, under each of its names (build-runner never did)",
  {
    runner: { max_time: 600, kill_grace: 600, max_tries: 1 },
    config: ['[1-b-c.sh]', '[b-d]', '[be]']
      .map(name => `${name}\nmax_time = 0.2\nkill_grace = 0.1\nrequired = no\n`)
      .join(''),
    tasks: Object.fromEntries(
      ['1-b-c.sh', '2-b-d.sh', '3-b-e.sh'].map(name => [name, 'trap "" TERM\nread x < "$DIR/hold"']),
    ),
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(
      run.all('try:started').map(start => start.max_time),
      [0.2, 0.2, 0.2],
    )
    t.match(
      run.all('try:ended'),
      Array.from({ length: 3 }, () => ({
        outcome: 'RETRY',
        signal: 'SIGKILL',
        failure: { reason: 'timed-out', max_time: 0.2 },
      })),
    )
  },
)

rigTest(
  t,
  "a task's own interpreter is really applied, and an empty one takes that of [runner] away",
  {
    runner: { interpreter: 'sh -u' },
    config: '[b]\ninterpreter = sh -e\n[c]\ninterpreter =',
    tasks: Object.fromEntries(['a', 'b', 'c'].map(name => [name, 'echo "$RUNNER_TASK" $-'])),
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.match(run.taskOutput('a'), /^a .*u/)
    t.match(run.taskOutput('b'), /^b [^u]*e[^u]*\n/)
    t.match(run.taskOutput('c'), /^c ?[^eu]*\n/)
  },
)

rigTest(
  t,
  'a max_time of 0 is no limit',
  {
    runner: { max_time: 0.2, max_tries: 1 },
    config: '[a]\nmax_time = 0',
    tasks: { a: 'echo up\nread x < "$DIR/hold"' },
  },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.run()
    await run.output('up')
    hold.release()
    t.equal(await run.ended, 0)
    t.match(run.all('try:started'), [{ max_time: 0 }])
    t.same(run.all('try:limit'), [])
  },
)
