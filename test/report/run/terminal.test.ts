import t from 'tap'
import { wantsColour } from '../../../src/report/run/terminal.ts'
import { program } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { onTerminal, terminal } from '../../support/terminal.ts'

const tasks = { '1-a.sh': 'echo from a; [ "$RUNNER_TRY" = 2 ]', '2-b.sh': 'echo from b' }
const anyEscape = '\x1b['
const colour = /\x1b\[[0-9;]*m/

t.test('colour is for terminals, unless NO_COLOR or TERM=dumb says no; FORCE_COLOR insists', async t => {
  const terminal = { isTTY: true }
  t.ok(wantsColour(terminal, {}))
  t.notOk(wantsColour({}, {}))
  t.notOk(wantsColour(terminal, { NO_COLOR: '1' }))
  t.ok(wantsColour(terminal, { NO_COLOR: '' }), 'an empty NO_COLOR is none (no-color.org)')
  t.notOk(wantsColour(terminal, { TERM: 'dumb' }))
  t.ok(wantsColour({}, { FORCE_COLOR: '1' }))
  t.notOk(wantsColour(terminal, { FORCE_COLOR: '0' }))
  t.notOk(wantsColour(terminal, { FORCE_COLOR: '1', NO_COLOR: '1' }))
})

rigTest(
  t,
  'into a pipe go plain lines: what happens, and between it what the tasks write',
  { tasks },
  async (t, rig) => {
    const run = rig.start(['run'])
    t.equal(await run.ended, 0)
    const lines = run.text
      .replaceAll(/[\d.]+ m?s\b/g, 'TIME')
      .replaceAll(rig.dir, 'DIR')
      .replace(/trying .* in/, 'trying … in')
    t.equal(
      lines,
      `runner: run 1: 2 tasks in DIR/tasks.d
runner: 1-a.sh: started (try 1 of 5)
from a
runner: 1-a.sh: RETRY (exit status 1, TIME)
runner: 1-a.sh: trying … in TIME (try 2 of 5)
runner: 1-a.sh: started (try 2 of 5)
from a
runner: 1-a.sh: OK (TIME)
runner: 2-b.sh: started (try 2 of 5)
from b
runner: 2-b.sh: OK (TIME)
runner: run 1 succeeded: 2 tasks in TIME
`,
    )
  },
)

rigTest(t, 'FORCE_COLOR colours a pipe, and NO_COLOR wins over it', { tasks }, async (t, rig) => {
  const forced = rig.start(['run'], { env: { FORCE_COLOR: '1' } })
  t.equal(await forced.ended, 0)
  t.match(forced.text, anyEscape)
  const none = rig.start(['run'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })
  t.equal(await none.ended, 0)
  t.notMatch(none.text, anyEscape)
  const json = rig.start(['run', '--json'], { env: { FORCE_COLOR: '1' } })
  t.equal(await json.ended, 0)
  t.notMatch(json.text, anyEscape)
})

rigTest(
  t,
  'on a terminal there is colour, with NO_COLOR none',
  { tasks, needs: [program('script')] },
  async (t, rig) => {
    const before = ['sh', '-c', `LAUNCHER=$0 exec script -qec '"$LAUNCHER" run' /dev/null`]
    const terminal = rig.start([], { before, env: { TERM: 'xterm' } })
    t.equal(await terminal.ended, 0)
    t.match(terminal.text, colour)
    t.match(terminal.text, 'from a')
    const none = rig.start([], { before, env: { TERM: 'xterm', NO_COLOR: '1' } })
    t.equal(await none.ended, 0)
    t.notMatch(none.text, colour)
    const dumb = rig.start([], { before, env: { TERM: 'dumb' } })
    t.equal(await dumb.ended, 0)
    t.notMatch(dumb.text, anyEscape)
  },
)

rigTest(t, '-q says nothing where nothing goes wrong', { tasks: { a: 'echo a' } }, async (t, rig) => {
  const run = rig.start(['-q', 'run'])
  t.equal(await run.ended, 0)
  t.equal(run.text, '')
})

rigTest(
  t,
  '-q says what went wrong, with the last lines of the task, and no more',
  {
    tasks: {
      '1-a.sh': 'for n in 1 2 3 4 5 6 7; do echo "line $n"; done; [ "$RUNNER_TRY" = 2 ]',
      '2-b.sh': 'echo from b',
    },
  },
  async (t, rig) => {
    const run = rig.start(['run', '-q'])
    t.equal(await run.ended, 0)
    t.match(
      run.text,
      /^runner: 1-a\.sh: RETRY \(exit status 1, [\d.]+ m?s\)\n(runner: {3}\| line \d\n){5}$/,
      'the wait that follows is no failure',
    )
    t.match(run.text, 'line 7')
    t.notMatch(run.text, 'line 2')
  },
)

rigTest(
  t,
  '-v says where configuration, records and output are, and the time limit',
  { tasks: { a: 'echo a' }, runner: { max_time: 60 } },
  async (t, rig) => {
    const run = rig.start(['run', '-v'])
    t.equal(await run.ended, 0)
    t.match(run.text, `configuration: ${rig.path('runner.cfg')}`)
    t.match(run.text, `records: ${rig.path('state/runs/1')}`)
    t.match(run.text, `output: ${rig.path('state/runs/1/001-a.1.log')}`)
    t.match(run.text, /a: time limit 60 s\nrunner: a: pid \d+\n/)
  },
)

rigTest(
  t,
  'a name with control characters stays on its line, whatever is said of it',
  {
    runner: { max_tries: 1 },
    tasks: { '1-a\n\x1b[31mrunner: b': '', '2-c\nrunner: d': 'exit 2' },
    config: '[env]\nFILE = 2-c\n  runner: d',
  },
  async (t, rig) => {
    const run = rig.start(['run'])
    t.equal(await run.ended, 2)
    t.match(run.text, /^runner: "1-a\\n\\u001b\[31mrunner: b": started/m)
    rig.task('1-a\n\x1b[31mrunner: b', 'rm "$DIR/tasks.d/$FILE"')
    const removed = rig.start(['run'])
    t.equal(await removed.ended, 1)
    t.match(removed.text, /is not there/)
    t.notMatch(run.text + removed.text, /^(runner: )?(b|d)|\x1b/m)
    t.same(
      (run.text + removed.text).split('\n').filter(line => line !== '' && !line.startsWith('runner: ')),
      [],
    )
  },
)

/** Commands of a terminal, half a line, and a line as runner writes them. */
const hostile = String.raw`printf 'a\033]52;c;aGk=\007\033]0;title\007\033[2J\033[31mred\033[0m\rb\302\233\342\200\256\nrunner: run 1 succeeded'`
const commands = /\x1b(?!\[[0-9;]*m)|[\x07\x08\x9b\u202e]/

rigTest(
  t,
  'on a terminal the output of a task keeps its colours, and can neither command it nor pass for words of runner',
  { tasks: { a: hostile }, needs: [terminal] },
  async (t, rig) => {
    for (const words of [['run', '-v'], ['logs'], ['explain']]) {
      const shown = rig.start(words, onTerminal)
      t.equal(await shown.ended, 0, words.join(' '))
      t.notMatch(shown.text, commands, words.join(' '))
      t.notMatch(shown.text, /^(\x1b\[[0-9;]*m)*runner: run 1 succeeded\r?$/m, words.join(' '))
      if (words[0] === 'explain') continue
      t.match(
        shown.text,
        'a\\x1b]52;c;aGk=\\x07\\x1b]0;title\\x07\\x1b[2J\x1b[31mred\x1b[0m\r\nb\\x9b\\u202e\r\n',
      )
      t.match(shown.text, 'runner (job): run 1 succeeded')
    }
    const piped = rig.start(['logs'])
    t.equal(await piped.ended, 0)
    const bytes = Buffer.from('a\x1b]52;c;aGk=\x07\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m\rb\u009b\u202e\n')
    t.ok(Buffer.concat(piped.out).includes(bytes), 'into a pipe it goes byte for byte')
  },
)

rigTest(
  t,
  'on a terminal the live view and what stays of it have no command of a task in them',
  { tasks: { a: `${hostile}; exit 2` }, needs: [terminal] },
  async (t, rig) => {
    const shown = rig.start(['run'], onTerminal)
    t.equal(await shown.ended, 2)
    t.notMatch(shown.text, /\x1b\]|\x07|\x9b|\u202e|\x1b\[2J/)
    t.notMatch(shown.text, /^runner: run 1 succeeded/m)
  },
)

rigTest(
  t,
  'on a terminal no value of a configuration can command it, whoever wrote the file',
  { config: '[a]\nb = x\x1b]0;title\x07y\u202ez', needs: [terminal] },
  async (t, rig) => {
    for (const words of [
      ['-g', 'a.b'],
      ['get', 'a.b'],
      ['get', 'a'],
      ['check', '--effective'],
    ]) {
      const shown = rig.start(words, onTerminal)
      await shown.ended
      t.match(shown.text, 'x\\x1b]0;title\\x07y\\u202ez', words.join(' '))
      t.notMatch(shown.text, commands, words.join(' '))
    }
    const piped = rig.start(['-g', 'a.b'])
    t.equal(await piped.ended, 0)
    t.equal(piped.text, 'x\x1b]0;title\x07y\u202ez\n')
  },
)
