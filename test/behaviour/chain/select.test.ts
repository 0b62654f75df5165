import { existsSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const tasks = { '1-a.sh': '', '2-b-x.sh': '', '3-c.sh': '', '4-d.sh': '' }

rigTest(
  t,
  '--only runs the tasks that it names, by file name, name or old name, in the order of the chain',
  { tasks, config: '[a]\ndepends_on = d' },
  async (t, rig) => {
    const run = await rig.finish('--only', '4-d.sh', '--only', 'bx', '--only', 'b-x')
    t.equal(run.status, 0)
    t.same(run.tries, ['2-b-x.sh', '4-d.sh'])
    const alone = await rig.finish('--only', 'a')
    t.same(alone.tries, ['1-a.sh'], 'whatever it depends on')
  },
)

rigTest(
  t,
  '--from begins with the task that it names',
  { tasks, config: '[a]\ndepends_on = c' },
  async (t, rig) => {
    t.same(
      (await rig.finish('--from', 'c')).tries,
      ['3-c.sh', '1-a.sh', '4-d.sh'],
      'in the order of the chain',
    )
    t.same((await rig.finish('--from', 'c', '--only', 'd')).tries, ['4-d.sh'])
  },
)

rigTest(
  t,
  'a name that no task has is a usage error with a suggestion, and nothing runs',
  { tasks },
  async (t, rig) => {
    const only = await rig.finish('--only', '3-d.sh')
    t.equal(only.status, 64)
    t.match(only.text, /no task is called 3-d\.sh; did you mean 3-c\.sh\?/)
    const from = await rig.finish('--from', 'nothing-like-it')
    t.equal(from.status, 64)
    t.match(from.text, /no task is called nothing-like-it; `runner list` shows them/)
    t.same([...only.events, ...from.events], [])
  },
)

rigTest(t, 'an unknown option is a usage error', { tasks }, async (t, rig) => {
  const run = await rig.finish('--dry')
  t.equal(run.status, 64)
  t.match(run.text, /unknown option '--dry'/)
})

rigTest(
  t,
  '--dry-run shows what would run, in order, and runs nothing',
  {
    tasks: { '1-a.sh': 'touch "$DIR/ran"', "2-it's.sh": '' },
    config: "[a]\ninterpreter = sh -e\ndepends_on = it's",
  },
  async (t, rig) => {
    const run = rig.start(['run', '--dry-run'])
    t.equal(await run.ended, 0)
    const directory = rig.path('tasks.d')
    t.equal(
      run.text,
      `would run 2 tasks in ${directory}:\n  '${directory}/2-it'\\''s.sh'\n  sh -e ${directory}/1-a.sh\n`,
    )
    t.notOk(existsSync(rig.path('ran')) || existsSync(rig.path('state')), 'not even a record')
    const forEver = rig.start(['run', '--dry-run', '-n', '0'])
    t.equal(await forEver.ended, 0, 'once, however often it would run')
  },
)

rigTest(
  t,
  '--dry-run finds what is wrong as run does',
  { tasks: { a: { content: '', mode: 0o755 } } },
  async (t, rig) => {
    const run = rig.start(['run', '--dry-run'])
    t.equal(await run.ended, 78)
    t.match(run.text, /error: is empty/)
  },
)

rigTest(
  t,
  'a selection that leaves no task is a mistake',
  { tasks: { a: 'exit 0', b: 'exit 0' } },
  async (t, rig) => {
    const run = rig.start(['run', '--from', 'b', '--only', 'a'])
    t.equal(await run.ended, 64)
    t.match(run.text, '--from and --only leave no task')
  },
)
