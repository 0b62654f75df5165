import t from 'tap'
import { rigTest } from '../../support/rig.ts'

rigTest(
  t,
  'each line of --json is an object with its time and its event, and standard error is empty',
  {
    runner: { max_tries: 2, kill_grace: 0.2, task_hook: 'sh -c "echo x; exit 1"' },
    config: '[c]\nmax_time = 0.2\nrequired = no\nmax_tries = 1',
    tasks: {
      '1-a': 'echo a',
      '2-b': '[ "$RUNNER_TRY" = 2 ]',
      '3-c': 'read x < "$DIR/hold"',
      '4-d': 'exit 2',
      'halt.sh': 'echo h',
    },
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.equal(Buffer.concat(run.err).toString(), '')
    const lines = Buffer.concat(run.out).toString().split('\n')
    t.equal(lines.pop(), '')
    for (const line of lines) t.match(JSON.parse(line), { at: /^\d{4}-.*Z$/, event: /^[a-z]+(:[a-z-]+)?$/ })
    const times = run.events.map(event => event.at)
    t.same(times, times.toSorted(), 'in order')
    const kinds = [
      'chain:waiting',
      'hook:ended',
      'hook:output',
      'hook:running',
      'hook:started',
      'run:ended',
      'run:started',
      'task:given-up',
      'try:ended',
      'try:limit',
      'try:output',
      'try:running',
      'try:started',
    ]
    t.same([...new Set(run.events.map(event => event.event))].sort(), kinds)
    t.equal(run.events[0]?.event, 'run:started')
    t.equal(run.events.at(-1)?.event, 'run:ended')
    t.equal(run.all('run:ended').length, 1)
  },
)

rigTest(
  t,
  'half a character at the end of what a hook wrote is told as U+FFFD, and not glued to what comes next',
  { runner: { task_hook: `sh -c 'printf "$RUNNER_HOOK\\303"'` }, tasks: { a: '' } },
  async (t, rig) => {
    const run = await rig.finish()
    const said = (hook: string) =>
      run
        .all('hook:output')
        .filter(output => output.hook === hook)
        .map(output => output.text)
        .join('')
    t.equal(said('pre'), 'pre\ufffd')
    t.equal(said('post'), 'post\ufffd')
  },
)
