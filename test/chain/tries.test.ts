import t from 'tap'
import { rigTest } from '../support/rig.ts'
import type { Run } from '../support/run.ts'

const numbered = (run: Run) => run.all('try:started').map(({ task, try_num }) => `${task} ${try_num}`)

/** Fails until it has been tried so many times. */
const failing = (times: number) => `
echo x >> "$DIR/$RUNNER_TASK"
[ "$(wc -l < "$DIR/$RUNNER_TASK")" -gt ${times} ]`

const six = Object.fromEntries(
  [1, 2, 3, 4, 5, 6].map(number => [`${number}`, number === 4 ? failing(1) : '']),
)

rigTest(
  t,
  'a chain of six whose fourth task fails once runs all of them, from the beginning (the build-runner bug)',
  { tasks: six },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(numbered(run), ['1 1', '2 1', '3 1', '4 1', '1 2', '2 2', '3 2', '4 2', '5 2', '6 2'])
    t.match(run.all('run:ended'), [{ tasks_done: 6 }])
  },
)

rigTest(
  t,
  'a chain of six whose fourth task fails once runs all of them, from the failed one (the build-runner bug)',
  { runner: { retry_from: 'failed' }, tasks: six },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(numbered(run), ['1 1', '2 1', '3 1', '4 1', '4 2', '5 1', '6 1'])
    t.match(run.all('run:ended'), [{ tasks_done: 6 }])
  },
)

rigTest(
  t,
  'with retry_from = beginning try_num counts the tries of the chain, over the failures of different tasks',
  { tasks: { '1-a': '', '2-b': failing(1), '3-c': failing(2) } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(numbered(run), [
      '1-a 1',
      '2-b 1',
      '1-a 2',
      '2-b 2',
      '3-c 2',
      '1-a 3',
      '2-b 3',
      '3-c 3',
      '1-a 4',
      '2-b 4',
      '3-c 4',
    ])
    t.match(run.all('chain:waiting'), [
      { task: '2-b', next_task: '1-a', try_num: 2, max_tries: 5 },
      { task: '3-c', next_task: '1-a', try_num: 3 },
      { task: '3-c', next_task: '1-a', try_num: 4 },
    ])
  },
)

rigTest(
  t,
  'with retry_from = beginning a task gives up when the try of the chain reaches its own max_tries',
  { config: '[b]\nmax_tries = 3', tasks: { '1-a': failing(2), '2-b': 'exit 1' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.same(numbered(run), ['1-a 1', '1-a 2', '1-a 3', '2-b 3'])
    t.match(run.all('task:given-up'), [{ task: '2-b', tries: 3 }])
  },
)

rigTest(
  t,
  'with retry_from = failed try_num counts the tries of each task from 1',
  {
    runner: { retry_from: 'failed', max_tries: 3 },
    tasks: { '1-a': failing(2), '2-b': failing(1), '3-c': 'exit 1' },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.same(numbered(run), ['1-a 1', '1-a 2', '1-a 3', '2-b 1', '2-b 2', '3-c 1', '3-c 2', '3-c 3'])
    t.match(run.all('task:given-up'), [{ task: '3-c', tries: 3 }])
  },
)

rigTest(
  t,
  'a task that is not required is repeated alone, reported, and passed over, also by those that depend on it',
  {
    runner: { max_tries: 4 },
    config: '[b]\nrequired = no\nmax_tries = 2\n[c]\ndepends_on = b',
    tasks: { '1-a': '', '2-b': 'echo spare\nexit 1', '3-c': '' },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(numbered(run), ['1-a 1', '2-b 1', '2-b 2', '3-c 1'])
    t.match(run.all('task:given-up'), [{ task: '2-b', tries: 2, required: false }])
    t.match(run.all('run:ended'), [{ reason: 'succeeded', tasks_done: 3 }])
    const plain = rig.start(['run', '-q'])
    t.equal(await plain.ended, 0)
    t.match(plain.text, /2-b: failed twice; not required: continuing without it/, 'also when quiet')
  },
)

rigTest(
  t,
  'a task that is not required and succeeds in its second try is done, and the chain keeps its own count',
  { config: '[b]\nrequired = no', tasks: { '1-a': '', '2-b': failing(1), '3-c': failing(1) } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.same(numbered(run), ['1-a 1', '2-b 1', '2-b 2', '3-c 1', '1-a 2', '2-b 1', '3-c 2'])
    t.same(run.all('task:given-up'), [])
  },
)

for (const [status, reason] of [
  [2, 'halted'],
  [3, 'exited'],
] as const) {
  rigTest(
    t,
    `a task that is not required ends the chain by status ${status} as any other does`,
    { config: '[a]\nrequired = no', tasks: { a: `exit ${status}`, b: '' } },
    async (t, rig) => {
      const run = await rig.finish()
      t.equal(run.status, status)
      t.match(run.all('run:ended'), [{ reason, task: 'a' }])
    },
  )
}
