import { writeFileSync } from 'node:fs'
import { execaSync } from 'execa'
import t from 'tap'
import { elf, foreignMachine } from '../../support/binaries.ts'
import { rigTest } from '../../support/rig.ts'

const script = '#!/bin/sh\ntouch "$DIR/ran"\n'

rigTest(
  t,
  'all tasks that cannot be started are errors, all of them at once, and nothing runs',
  {
    tasks: {
      '01-fine': 'touch "$DIR/ran"',
      '02-mode': { content: script, mode: 0o644 },
      '03-missing': { content: script.replace('/bin/sh', '/no/such/sh') },
      '04-crlf': { content: script.replaceAll('\n', '\r\n') },
      '05-foreign': { content: elf(foreignMachine) },
      '06-empty': { content: '' },
      '07-bare': { content: 'touch "$DIR/ran"\n' },
      '08-dangling': { link: 'nowhere' },
      '09-directory': { other: 'directory' },
      '10-fifo': { other: 'fifo' },
    },
    runner: { task_hook: 'no-such-hook', max_time: 'soon' },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.same(run.events, [])
    t.same(rig.lines('ran'), [])
    const folder = rig.path('tasks.d')
    for (const said of [
      `${folder}/02-mode: error: is not executable`,
      `${folder}/03-missing: error: asks for the interpreter /no/such/sh, which is not there or not executable`,
      `${folder}/04-crlf: error: asks for an interpreter "/bin/sh\\r": its lines end in CR LF`,
      `${folder}/05-foreign: error: is a program for another machine (ELF machine ${foreignMachine};`,
      `${folder}/06-empty: error: is empty`,
      `${folder}/07-bare: error: begins neither with #! nor as a program of this machine does`,
      `${folder}/08-dangling: error: is a link to nothing`,
      `${folder}/09-directory: error: is a directory`,
      `${folder}/10-fifo: error: is neither a file nor a link to one`,
      'error: task_hook: no-such-hook is not there or not executable',
      'error: max_time is "soon"; it must be a number of seconds',
    ])
      t.ok(run.text.includes(said), said)
    t.match(run.text, /nothing has been run\n$/)
    const check = rig.start(['check'])
    t.equal(await check.ended, 78)
    t.equal(check.text.match(/: error: /g)?.length, 11, 'check says the same')
  },
)

/** The changes of the second task while the first one runs, and the messages about them. */
const changes: [string, string, RegExp][] = [
  ['removed', 'rm "$F"', /2-b is not there any more$/],
  ['made a foreign binary', 'cp "$DIR/other" "$F"', /2-b is a program for another machine/],
  ['made non-executable', 'chmod -x "$F"', /2-b is not executable$/],
  ['emptied', ': > "$F"', /2-b is empty$/],
  ['replaced by a directory', 'rm "$F"; mkdir "$F"', /2-b is a directory$/],
]

for (const [what, change, message] of changes)
  rigTest(
    t,
    `a task that is ${what} while the chain runs is a failure to start, tried again, and says so`,
    {
      runner: { retry_from: 'failed', max_tries: 2 },
      tasks: { '1-a': `F="$DIR/tasks.d/2-b"\n${change}`, '2-b': '', '3-c': '' },
    },
    async (t, rig) => {
      rig.file('other', elf(foreignMachine), 0o755)
      const run = await rig.finish()
      t.equal(run.status, 1)
      const [, first, second] = run.all('try:ended')
      t.match(first, { task: '2-b', outcome: 'RETRY', failure: { reason: 'not-started', message } })
      t.match(second, { task: '2-b', outcome: 'RETRY', failure: { reason: 'not-started' } })
      t.match(run.all('run:ended'), [{ reason: 'gave-up', failure: { failure: { message } } }])
    },
  )

rigTest(
  t,
  'a task that replaces itself while it runs has done no harm',
  { tasks: { a: 'rm "$DIR/tasks.d/a"; printf "#!/bin/sh\\nexit 9\\n" > "$DIR/tasks.d/a"; echo old' } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput('a'), 'old\n')
  },
)

rigTest(
  t,
  'a task directory that cannot be read, and a name that is not UTF-8, are errors before anything runs',
  { tasks: { a: 'touch "$DIR/ran"' } },
  async (t, rig) => {
    writeFileSync(
      Buffer.concat([Buffer.from(`${rig.path('tasks.d')}/x`), Buffer.from([0xff])]),
      '#!/bin/sh\n',
      { mode: 0o755 },
    )
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(run.text, /error: the name of the file "x\ufffd" is not UTF-8/)
    const other = await rig.finish('nowhere')
    t.equal(other.status, 78)
    t.match(other.text, /nowhere: error: the task directory cannot be read: no such file or directory/)
    t.same([...run.events, ...other.events], [])
  },
)

rigTest(
  t,
  'the chmod that fixes a task is fit for a shell',
  { tasks: { "it's $(x)": { content: script, mode: 0o644 } } },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    const [, command] = run.text.match(/make it so: (chmod .*); or/) ?? []
    execaSync('sh', ['-c', command!])
    t.equal((await rig.finish()).status, 0)
  },
)

rigTest(
  t,
  'what env will not find is an error before anything runs, on the PATH that tasks have',
  {
    tasks: {
      '1-python': { content: '#!/usr/bin/env no-such-python\n' },
      '2-split': { content: '#!/usr/bin/env -S nosuch -x\n' },
      '3-words': { content: '#!/usr/bin/env sh -e\n' },
      '4-own': { content: '#!/usr/bin/env own\n' },
      '5-fine': 'touch "$DIR/ran"',
      '6-interpreter': { content: 'x', mode: 0o644 },
    },
    config: '[6-interpreter]\ninterpreter = env -i nosuch-interpreter\n',
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.same(rig.lines('ran'), [])
    t.match(
      run.text,
      /1-python: error: asks env for the program "no-such-python", which is not on its PATH, \//,
    )
    t.match(run.text, /2-split: error: asks env for the program "nosuch", which is not on/)
    t.match(
      run.text,
      /3-words: error: asks env for the program "sh -e", .*\n *write for example #!\/usr\/bin\/env -S sh -e/,
    )
    t.match(run.text, /4-own: error: asks env for the program "own"/)
    t.match(run.text, /error: interpreter: nosuch-interpreter is not there/)

    for (const name of ['1-python', '2-split', '3-words', '6-interpreter']) rig.task(name, 'exit 0')
    rig.file('own', '#!/bin/sh\nexec sh "$@"\n', 0o755)
    rig.configure({}, `[env]\nPATH = ${rig.dir}:/usr/bin:/bin\n`)
    t.equal((await rig.finish()).status, 0, 'the PATH of [env] counts')
  },
)
