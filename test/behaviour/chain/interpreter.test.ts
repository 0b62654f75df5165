import { mkdirSync } from 'node:fs'
import t from 'tap'
import { rigTest } from '../../support/rig.ts'

const plain = (content: string) => ({ content, mode: 0o644 })

rigTest(
  t,
  'an interpreter is split into words as a shell does, and runs files that are not executable, by their full path',
  {
    runner: { interpreter: `sh -c 'printf "%s|" "$0" "$@"' "two  words" 'it'\\''s' a\\ b` },
    tasks: { 'x y': plain('not a script') },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), `two  words|it's|a b|${rig.path('tasks.d', 'x y')}|`)
  },
)

rigTest(
  t,
  'an interpreter with a slash in it is relative to the file that names it, also an included one',
  {
    runner: { interpreter: './tools/main-sh', include_dir: 'more.d' },
    tasks: { a: plain('echo a'), b: plain('echo b') },
  },
  async (t, rig) => {
    for (const folder of ['tools', 'more.d', 'more.d/tools']) mkdirSync(rig.path(folder), { mode: 0o755 })
    rig.file('tools/main-sh', '#!/bin/sh\necho main\nexec sh "$@"\n', 0o755)
    rig.file('more.d/tools/own-sh', '#!/bin/sh\necho own\nexec sh "$@"\n', 0o755)
    rig.file('more.d/b.cfg', '[b]\ninterpreter = tools/own-sh\n')
    const run = rig.start(['run', '--json', '-c', '../runner.cfg'], { cwd: rig.path('tools') })
    t.equal(await run.ended, 0)
    t.equal(run.taskOutput('a'), 'main\na\n')
    t.equal(run.taskOutput('b'), 'own\nb\n')
  },
)

rigTest(
  t,
  'an interpreter that is not there is an error before anything runs, and one without its closing quote too',
  {
    runner: { interpreter: 'no-such-sh -e' },
    config: "[b]\ninterpreter = sh 'x",
    tasks: { a: plain(''), b: plain('') },
  },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(run.text, /runner\.cfg:\d+: error: interpreter: no-such-sh is not there or not executable/)
    t.match(run.text, /runner\.cfg:\d+: error: interpreter cannot be split into words: /)
    t.same(run.events, [])
  },
)

rigTest(
  t,
  'an interpreter that vanishes while the chain runs is a failure to start',
  {
    runner: { interpreter: './own-sh', max_tries: 1 },
    tasks: { a: plain('rm "$DIR/own-sh"'), b: plain('') },
  },
  async (t, rig) => {
    rig.file('own-sh', '#!/bin/sh\n. "$1"\n', 0o755)
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.match(run.all('try:ended')[1], {
      outcome: 'RETRY',
      failure: { reason: 'not-started', message: /own-sh: not found/ },
    })
  },
)

rigTest(
  t,
  'interpreter and hook are looked for on the PATH of [env]',
  { tasks: { a: plain('echo a') } },
  async (t, rig) => {
    mkdirSync(rig.path('bin'), { mode: 0o755 })
    rig.file('bin/own-sh', '#!/bin/sh\necho own\n. "$1"\n', 0o755)
    rig.file('bin/own-hook', '#!/bin/sh\necho hook\n', 0o755)
    rig.configure(
      { interpreter: 'own-sh', task_hook: 'own-hook' },
      `[env]\nPATH = ${rig.path('bin')}:/usr/bin:/bin`,
    )
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), 'own\na\n')
    t.equal(run.all('hook:output').length, 2)
  },
)
