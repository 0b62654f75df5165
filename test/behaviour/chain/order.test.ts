import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const four = { '1-a.sh': '', '2-b-c.sh': '', '3-d.sh': '', '4-e.sh': '' }

rigTest(
  t,
  'tasks run in the order of their bytes, hidden files and leftovers are none, and 10 comes before 2 with a warning',
  {
    tasks: {
      '2-y': '',
      '10-x': '',
      B: '',
      a: '',
      ä: '',
      '.hidden': 'exit 3',
      'a~': 'exit 3',
      'b.dpkg-old': 'exit 3',
      'c.bak': 'exit 3',
    },
  },
  async (t, rig) => {
    const run = await rig.finish('-v')
    t.equal(run.status, 0)
    t.same(run.tries, ['10-x', '2-y', 'B', 'a', 'ä'])
    t.match(run.text, /warning: numbers of different width: .* so 10-x comes before 2-y/)
  },
)

rigTest(
  t,
  'numbers of different width are no warning where text and number give one order',
  { tasks: { '0-a': '', '1-b': '', '5-c': '', '98-d': '', '99-e': '', 'f-10': '' } },
  async (t, rig) => {
    const check = rig.start(['check'])
    t.equal(await check.ended, 0)
    t.notMatch(check.text, 'warning')
    rig.task('100-g', '')
    const other = rig.start(['check'])
    t.equal(await other.ended, 0)
    t.match(other.text, /so 100-g comes before 5-c/)
  },
)

rigTest(
  t,
  'depends_on moves a task behind what it names by file name, name or old name, and leaves the others in place',
  { tasks: four, config: '[a]\ndepends_on = 3-d.sh\n[d]\ndepends_on = bc,\n  b-c' },
  async (t, rig) => {
    t.same((await rig.finish()).tries, ['2-b-c.sh', '3-d.sh', '1-a.sh', '4-e.sh'])
  },
)

rigTest(
  t,
  'dependencies that the order of names satisfies already move nothing',
  { tasks: four, config: '[e]\ndepends_on = a\n[d]\ndepends_on = a, b-c' },
  async (t, rig) => {
    t.same((await rig.finish()).tries, Object.keys(four))
  },
)

rigTest(
  t,
  'a circle is shown as the path around it, with its place, before anything runs',
  { tasks: four, config: '[a]\ndepends_on = d\n[d]\ndepends_on = e\n[e]\ndepends_on = a' },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(
      run.text,
      /runner\.cfg:\d+: error: tasks depend on each other in a circle: (\S+) → \S+ → \S+ → \1\n/,
    )
    t.ok(run.text.includes('1-a.sh → 3-d.sh → 4-e.sh → 1-a.sh'))
    t.same(run.events, [])
  },
)

rigTest(
  t,
  'a dependency that is no task is an error with its place and a suggestion, before anything runs',
  { tasks: { ...four, 'halt.sh': '' }, config: '[a]\ndepends_on = b-d, nothing-of-the-kind, halt.sh' },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(
      run.text,
      /runner\.cfg:\d+: error: 1-a\.sh depends on b-d, which is not a task\n {4}did you mean b-c\?/,
    )
    t.match(
      run.text,
      /depends on nothing-of-the-kind, which is not a task\n {4}the tasks are 1-a\.sh, 2-b-c\.sh/,
    )
    t.match(run.text, /depends on halt\.sh, the halt task/)
    t.same(run.events, [])
  },
)

rigTest(
  t,
  'two tasks of one name are an error',
  { tasks: { '1-a.sh': '', '2-a.py': '' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(run.text, /1-a\.sh and 2-a\.py have the same name, a/)
  },
)
