import t from 'tap'
import { outcomeOf } from '../../src/chain/outcome.ts'
import { rigTest } from '../support/rig.ts'

t.test('only 0, 2 and 3 are agreed statuses, and 194 where a reboot can be asked for', async t => {
  for (const canReboot of [false, true]) {
    const outcomes = Array.from({ length: 256 }, (_, code) => outcomeOf({ kind: 'exited', code }, canReboot))
    t.same(outcomes.slice(0, 4), ['OK', 'RETRY', 'HALT', 'EXIT'])
    t.equal(outcomes.splice(194, 1)[0], canReboot ? 'REBOOT' : 'RETRY')
    t.same([...new Set(outcomes.slice(4))], ['RETRY'])
    t.equal(outcomeOf({ kind: 'signalled', signal: 'SIGKILL' }, canReboot), 'RETRY')
    t.equal(outcomeOf({ kind: 'not-started', message: '' }, canReboot), 'RETRY')
  }
})

rigTest(
  t,
  'a chain whose tasks all end with 0 succeeds with status 0',
  { tasks: { '1-a.sh': 'echo a', '2-b.sh': 'echo b' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(run.outcomes(), ['OK', 'OK'])
    t.match(run.all('run:ended'), [{ reason: 'succeeded', exit_status: 0, tasks_done: 2 }])
  },
)

rigTest(t, 'an empty chain that is allowed succeeds', { runner: { allow_empty: 'yes' } }, async (t, rig) => {
  const run = await rig.finish()
  t.equal(run.status, 0)
  t.match(run.all('run:ended'), [{ reason: 'succeeded', tasks_done: 0 }])
})

rigTest(
  t,
  'a task that ends with 2 halts the chain, whose status is 2, and the end shows its status and last lines',
  { tasks: { '1-a.sh': 'echo no disk\necho at all >&2\nexit 2', '2-b.sh': '' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 2)
    t.same(run.tries, ['1-a.sh'])
    const failure = { exit_code: 2, last_lines: ['no disk', 'at all'] }
    t.match(run.all('run:ended'), [{ reason: 'halted', task: '1-a.sh', tasks_done: 0, failure }])
    const plain = rig.start(['run', '-q'])
    t.equal(await plain.ended, 2)
    t.match(plain.text, /was halted by 1-a\.sh \(exit status 2\).*\n.*\| no disk\n.*\| at all\n$/)
  },
)

rigTest(
  t,
  'a task that ends with 3 ends the run with status 3',
  { tasks: { '1-a.sh': '', '2-b.sh': 'exit 3', '3-c.sh': '' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 3)
    t.same(run.tries, ['1-a.sh', '2-b.sh'])
    t.match(run.all('run:ended'), [{ reason: 'exited', exit_status: 3, task: '2-b.sh', tasks_done: 1 }])
  },
)

/** Each task ends in its way once, and is OK then. */
const once = (how: string) => `[ "$RUNNER_TRY" -gt 1 ] || ${how}`

rigTest(
  t,
  'every other status, and a signal, is a reason to try again',
  {
    runner: { retry_from: 'failed' },
    tasks: {
      '1': once('exit 1'),
      '4': once('exit 4'),
      '194': once('exit 194'),
      '255': once('exit 255'),
      KILL: once('kill -KILL $$'),
      TERM: once('kill -TERM $$'),
    },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    const failed = run.all('try:ended').filter(end => end.outcome === 'RETRY')
    t.same(
      failed.map(({ task, exit_code, signal }) => [task, exit_code ?? signal]),
      [
        ['1', 1],
        ['194', 194],
        ['255', 255],
        ['4', 4],
        ['KILL', 'SIGKILL'],
        ['TERM', 'SIGTERM'],
      ],
    )
  },
)

rigTest(
  t,
  'a required task that fails as often as it may makes the chain give up with status 1',
  { runner: { max_tries: 2 }, tasks: { '1-a.sh': '', '2-b.sh': 'echo broken\nexit 9', '3-c.sh': '' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.same(run.tries, ['1-a.sh', '2-b.sh', '1-a.sh', '2-b.sh'])
    t.match(run.all('task:given-up'), [{ task: '2-b.sh', tries: 2, required: true }])
    t.match(run.all('run:ended'), [
      { reason: 'gave-up', exit_status: 1, failure: { exit_code: 9, last_lines: ['broken'] } },
    ])
  },
)
