import { mkdirSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../../support/rig.ts'

/** Whole configurations that boot a host on defaults where nobody says so, and what is said. */
const notMeant: [title: string, text: string, said: RegExp][] = [
  ['the line of the section is lost', 'max_time = 5\n', /runner\.cfg:1: error: .*before the first section/],
  ['the bracket of a section is lost', '[env\nA = b\n', /runner\.cfg:1: error: .*\n +write "\[env\]"\n/],
  [
    'a key is in the line of its section',
    '[env] A = b\n',
    /runner\.cfg:1: error: " A = b" after the section/,
  ],
  ['a key has no delimiter', '[runner]\nmax_time 5\n', /runner\.cfg:2: error: this says nothing/],
  [
    'a section is one edit away',
    '[runer]\nmax_time = 5\n',
    /runner\.cfg:2: error: \[runer\] .*\n +did you mean \[runner\]\?/,
  ],
  [
    'a section of another service is one edit away',
    '[remot]\nurl = x\n',
    /:2: error: \[remot\] .*\n.*\[remote\]/,
  ],
  [
    'a key is one edit away',
    '[runner]\nmax_tires = 5\n',
    /:2: error: \[runner\] has no key max_tires\n.*max_tries/,
  ],
  [
    'a key is not known at all',
    '[runner]\nparalel_universe = 5\n',
    /:2: error: \[runner\] has no key paralel_universe/,
  ],
  ['a key of another section', '[server]\nmax_tries = 5\n', /:2: error: \[server\] has no key max_tries/],
]

/** As root the records of a run would else lie outside of the test. */
const own = '[runner]\nstate_dir = state\n'

for (const [title, text, said] of notMeant)
  rigTest(t, `nothing runs where ${title}`, { tasks: { a: 'echo ran' } }, async (t, rig) => {
    rig.file('runner.cfg', text + own)
    for (const args of [['run'], ['check'], ['run', '--dry-run']]) {
      const run = rig.start(args)
      t.equal(await run.ended, 78, args.join(' '))
      t.match(run.text, said, args.join(' '))
      t.notMatch(run.text, /^ran$/m)
    }
    // This was an error before, too.
    const typo = title === 'a key is one edit away'
    const asBuildRunner = rig.start(['-n', '1', 'tasks.d'])
    t.equal(await asBuildRunner.ended, typo ? 78 : 0, `build-runner's spelling: ${asBuildRunner.text}`)
    rig.file('runner.cfg', `${text}${own}compatible = yes\n`)
    const compatible = rig.start(['check'])
    t.equal(await compatible.ended, typo ? 78 : 0, compatible.text)
  })

rigTest(t, 'all complaints of all files are told at once', { tasks: { a: 'exit 0' } }, async (t, rig) => {
  mkdirSync(rig.path('more'))
  rig.file('more/1.cfg', '[runner]\nmax_tires = 1\n')
  rig.file('more/2.cfg', 'lost\n[env\n')
  rig.file('runner.cfg', '[runner]\ninclude_dir = more\nmax_time = soon\nno such line\n')
  const run = rig.start(['run'])
  t.equal(await run.ended, 78)
  for (const said of [
    /more\/1\.cfg:2: error/,
    /more\/2\.cfg:1: error/,
    /more\/2\.cfg:2: error/,
    /runner\.cfg:3: error: max_time/,
    /runner\.cfg:4: error/,
  ])
    t.match(run.text, said)
  for (const command of ['list', 'graph']) {
    const shown = rig.start([command])
    t.equal(await shown.ended, 78, command)
    t.match(Buffer.concat(shown.err).toString(), /^runner: \S*\.cfg:\d+: error: /, command)
  }
})

rigTest(
  t,
  'a section with the name of a task is that of the task',
  { tasks: { runer: 'exit 0' } },
  async (t, rig) => {
    rig.file('runner.cfg', `[runer]\nmax_time = 5\n${own}`)
    const run = rig.start(['run'])
    t.equal(await run.ended, 0, run.text)
  },
)

rigTest(t, 'a chain without a task is an error, unless it is allowed', { tasks: {} }, async (t, rig) => {
  const run = rig.start(['run'])
  t.equal(await run.ended, 78)
  t.match(run.text, /tasks\.d: error: there is no task in this directory\n.*allow_empty = yes/)
  rig.configure({ allow_empty: 'yes' })
  t.equal(await rig.start(['run']).ended, 0)
})

rigTest(
  t,
  'what is likely a slip gets a warning, and runs',
  { tasks: { mount: 'exit 0', 'README.md': '' } },
  async (t, rig) => {
    rig.configure({}, '[mount]\nhalt_task = x\n[env]\nGREETING = "hello"\n')
    const check = rig.start(['check'])
    await check.ended
    t.match(
      check.text,
      /warning: \[mount\] sets halt_task, .*\n +halt_task holds for all tasks: write it into \[runner\]/,
    )
    t.match(check.text, /warning: GREETING stands in quotes, which are part of its value\n +leave them out/)
    t.notMatch(check.text, 'hello', 'a value of [env] may be a secret')
    t.match(check.text, /README\.md: warning: by its name this is a document, and it counts as a task\n/)
  },
)
