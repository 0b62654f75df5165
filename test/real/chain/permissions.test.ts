import { chmodSync, chownSync, mkdirSync, renameSync } from 'node:fs'
import { execaSync } from 'execa'
import t from 'tap'
import { root } from '../../support/require.ts'
import { type Rig, type RigSpec, rigTest } from '../../support/rig.ts'

const nobody = 65534
const chain: RigSpec = {
  needs: [root],
  tasks: { a: 'touch "$DIR/ran"', 'halt.sh': '' },
  runner: { task_hook: 'tools/hook', include_dir: 'more.d' },
}

/** The files that the rule is about, beside the chain above. */
function furnish(rig: Rig): void {
  for (const folder of ['tools', 'more.d']) mkdirSync(rig.path(folder), { mode: 0o755 })
  rig.file('tools/hook', '#!/bin/sh\n', 0o755)
  rig.file('more.d/one.cfg', '')
}

/** The messages about untrusted files: path and hint. */
async function complaints(rig: Rig): Promise<{ status: unknown; said: [string, string][] }> {
  const run = rig.start(['check'])
  const status = await run.ended
  const said = [...run.text.matchAll(/^(\/.*): error: (?:is writable|belongs).*\n {4}(.*)$/gm)]
  return { status, said: said.map(([, path, hint]) => [path!, hint!]) }
}

rigTest(
  t,
  'what group or others may write is refused, all of it at once, and each hint is the chmod that fixes it',
  chain,
  async (t, rig) => {
    furnish(rig)
    t.same(await complaints(rig), { status: 0, said: [] })
    const loose = {
      'tasks.d/a': 0o775,
      'tasks.d/halt.sh': 0o757,
      'runner.cfg': 0o664,
      'more.d/one.cfg': 0o646,
      'tools/hook': 0o775,
      'tasks.d': 0o775,
      'more.d': 0o757,
      tools: 0o777,
    }
    for (const [name, mode] of Object.entries(loose)) chmodSync(rig.path(name), mode)
    const run = await rig.finish()
    t.equal(run.status, 78)
    t.match(run.text, /nothing has been run\n$/)
    t.same(rig.lines('ran'), [])
    const { status, said } = await complaints(rig)
    t.equal(status, 78)
    t.same(new Set(said.map(([path]) => path)), new Set(Object.keys(loose).map(name => rig.path(name))))
    for (const [, hint] of said) execaSync('sh', ['-c', hint])
    t.same(await complaints(rig), { status: 0, said: [] })
  },
)

rigTest(
  t,
  'a directory above that others may write is refused, but not one with the sticky bit',
  chain,
  async (t, rig) => {
    furnish(rig)
    chmodSync(rig.dir, 0o777)
    t.same(await complaints(rig), { status: 78, said: [[rig.dir, `chmod go-w ${rig.dir}`]] })
    chmodSync(rig.dir, 0o1777)
    t.same(await complaints(rig), { status: 0, said: [] })
  },
)

rigTest(
  t,
  'what belongs to somebody else is refused, and each hint is the chown that fixes it',
  chain,
  async (t, rig) => {
    furnish(rig)
    const names = ['tasks.d/a', 'runner.cfg', 'more.d/one.cfg', 'tools/hook', 'tasks.d']
    for (const name of names) chownSync(rig.path(name), nobody, nobody)
    const { status, said } = await complaints(rig)
    t.equal(status, 78)
    t.same(new Set(said.map(([path]) => path)), new Set(names.map(name => rig.path(name))))
    for (const [, hint] of said) execaSync('sh', ['-c', hint])
    t.same(await complaints(rig), { status: 0, said: [] })
  },
)

rigTest(t, 'what belongs to the user who became root by sudo is fine', chain, async (t, rig) => {
  furnish(rig)
  chownSync(rig.path('tasks.d/a'), nobody, nobody)
  t.equal(await rig.start(['check'], { env: { SUDO_UID: String(nobody) } }).ended, 0)
  t.equal(await rig.start(['check'], { env: { SUDO_UID: '1' } }).ended, 78)
})

rigTest(t, '--insecure-permissions overrules', chain, async (t, rig) => {
  furnish(rig)
  chmodSync(rig.path('tasks.d'), 0o777)
  chownSync(rig.path('tasks.d/a'), nobody, nobody)
  t.equal((await rig.finish('--insecure-permissions')).status, 0)
  const legacy = rig.start(['-c', 'runner.cfg', '-n', '1', '--insecure-permissions', 'tasks.d'])
  t.equal(await legacy.ended, 0)
})

rigTest(t, 'a hint is fit for a shell whatever the path is', chain, async (t, rig) => {
  furnish(rig)
  renameSync(rig.path('tasks.d/a'), rig.path("tasks.d/it's $(x) a"))
  chmodSync(rig.path("tasks.d/it's $(x) a"), 0o777)
  const { said } = await complaints(rig)
  t.equal(said.length, 1)
  for (const [, hint] of said) execaSync('sh', ['-c', hint])
  t.same(await complaints(rig), { status: 0, said: [] })
})

rigTest(
  t,
  'a link to a task counts by what it leads to and by all on the way there',
  { needs: [root] },
  async (t, rig) => {
    mkdirSync(rig.path('open'))
    mkdirSync(rig.path('closed'), { mode: 0o755 })
    rig.file('closed/task', '#!/bin/sh\n', 0o755)
    rig.task('a', { link: '../open/link' })
    const { symlinkSync } = await import('node:fs')
    symlinkSync('../closed/task', rig.path('open/link'))
    t.same(await complaints(rig), { status: 0, said: [] })
    chmodSync(rig.path('open'), 0o777)
    t.same((await complaints(rig)).said, [[rig.path('open'), `chmod go-w ${rig.path('open')}`]])
    chmodSync(rig.path('open'), 0o755)
    chmodSync(rig.path('closed/task'), 0o777)
    t.same((await complaints(rig)).said.length, 1)
  },
)

rigTest(
  t,
  'a directory of further configuration files that others may write is refused while it is empty, too',
  chain,
  async (t, rig) => {
    furnish(rig)
    const { rmSync } = await import('node:fs')
    rmSync(rig.path('more.d/one.cfg'))
    chmodSync(rig.path('more.d'), 0o777)
    t.match(await complaints(rig), { status: 78, said: [[rig.path('more.d')]] })
  },
)

rigTest(
  t,
  'all that starts with a task counts: interpreter, that of its first line, and what env finds on the PATH',
  { needs: [root], tasks: { a: '', 'halt.sh': '' } },
  async (t, rig) => {
    for (const folder of ['bin', 'deep']) mkdirSync(rig.path(folder), { mode: 0o755 })
    rig.file('bin/sh', '#!/bin/sh\nexec /bin/sh "$@"\n', 0o755)
    rig.file('deep/inner', `#!${rig.path('bin/sh')}\n`, 0o755)
    const path = `[env]\nPATH = ${rig.path('bin')}:${process.env.PATH}\n`
    const ways: [title: string, make: () => void][] = [
      ['a first line', () => rig.task('a', { content: `#!${rig.path('bin/sh')}\n` })],
      ['env', () => rig.task('a', { content: '#!/usr/bin/env sh\n' })],
      ['env with options', () => rig.task('a', { content: '#!/usr/bin/env -S A=b sh -e\n' })],
      ['the halt task', () => rig.task('halt.sh', { content: `#!${rig.path('bin/sh')} -e\n` })],
      ['an interpreter', () => rig.configure({ interpreter: 'sh -e' }, path)],
      ['that of one task', () => rig.configure({}, `${path}[a]\ninterpreter = ${rig.path('bin/sh')}\n`)],
      ['an interpreter of it', () => rig.configure({ interpreter: rig.path('deep/inner') }, path)],
      ['a hook', () => rig.configure({ task_hook: rig.path('deep/inner') }, path)],
      ['a command for reboots', () => rig.configure({ reboot_command: rig.path('deep/inner') }, path)],
    ]
    for (const [title, make] of ways) {
      rig.task('a', '')
      rig.task('halt.sh', '')
      rig.configure({}, path)
      make()
      t.same((await complaints(rig)).said, [], title)
      chmodSync(rig.path('bin'), 0o777)
      const { status, said } = await complaints(rig)
      t.same(
        { status, said },
        { status: 78, said: [[rig.path('bin'), `chmod go-w ${rig.path('bin')}`]] },
        title,
      )
      chmodSync(rig.path('bin'), 0o755)
      chownSync(rig.path('bin/sh'), nobody, nobody)
      t.match(await complaints(rig), { status: 78, said: [[rig.path('bin/sh')]] }, title)
      chownSync(rig.path('bin/sh'), 0, 0)
    }
  },
)
