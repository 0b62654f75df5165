import { chmodSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { command } from '../../support/command.ts'
import { program, testWith } from '../../support/require.ts'

const folder = resolve('completions')

testWith(t, 'fish completes commands and options', [program('fish')], async t => {
  const complete = async (line: string) => {
    const script = 'source $argv[1]/runner.fish; complete -C $argv[2]'
    const said = await command('fish', ['--no-config', '-c', script, folder, line])
    return said.split('\n').map(word => word.split('\t')[0])
  }
  t.same(await complete('runner ru'), ['run'])
  t.same(await complete('runner run --resu'), ['--resume'])
  t.same(await complete('runner check --resu'), [''])
  t.same(await complete('runner help li'), ['list'])
  t.same(await complete('runner node unta'), ['untaint'])
  t.same(await complete('runner job put --ima'), ['--image'])
  t.same(await complete('runner job show --ima'), [''])
  t.same(await complete('runner status --task-dir completi'), ['completions/'])
  t.same(await complete('runner job run --resu'), [''], 'not what `runner run` takes')
  t.same(await complete('runner token create subm'), ['submitter'])
  t.same(await complete('runner token create submitter subm'), [''])
  const dir = folderOf(t)
  const script = `cd $argv[2]; set -gx PATH $argv[2]/bin $PATH; source $argv[1]/runner.fish
    for line in $argv[3..]; complete -C $line; end`
  const typed = lines.map(([line]) => line.trimEnd())
  const said = await command('fish', ['--no-config', '-c', script, folder, dir, ...typed])
  t.same(
    said.split('\n').map(line => line.split('\t')[0]),
    lines.map(([, line]) => line.split(' ').at(-1)),
  )
})

/** A directory with a chain, and with a `runner` that completes as ours, and else says what it was given. */
function folderOf(t: Test): string {
  const dir = t.testdir({
    'runner.cfg': '[runner]\nstate_dir = state\ntask_dir = tasks\n[limits]\npassword = x\n',
    tasks: { '10-mount.sh': '' },
    bin: {
      runner: `#!/bin/sh
[ "$1" != __complete ] || exec ${resolve('bin/runner')} "$@"
printf got; printf ' <%s>' "$@"; echo
`,
    },
  })
  for (const file of ['tasks/10-mount.sh', 'bin/runner']) chmodSync(join(dir, file), 0o755)
  return dir
}

const lines = [
  ['runner run --only 10\t', 'run --only 10-mount.sh'],
  ['runner ps --state queued,rese\t', 'ps --state queued,reserved'],
  ['runner ps --state=queued,rese\t', 'ps --state=queued,reserved'],
  ['runner get limits.p\t', 'get limits.password'],
  ['runner token create subm\t', 'token create submitter'],
  ['runner logs 10-\t', 'logs 10-mount.sh'],
  ['runner node unta\t', 'node untaint'],
  ['runner help flee\t', 'help fleet'],
] as const

/** The words that a shell on a terminal completes from these lines. */
async function typed(t: Test, shell: string, setUp: string): Promise<string[]> {
  const dir = folderOf(t)
  const path = `${join(dir, 'bin')}:${process.env.PATH}`
  const { execa } = await import('execa')
  const { stdout } = await execa('script', ['-qec', shell, '/dev/null'], {
    cwd: dir,
    env: { PATH: path, TERM: 'dumb', HOME: dir },
    input: `${setUp}\n${lines.map(([line]) => `${line}\n`).join('')}exit\n`,
    timeout: 60_000,
  })
  return Array.from(stdout.matchAll(/got((?: <.*?>)+)/g), ([, words]) => words!.replace(/[<>]/g, '').trim())
}

testWith(t, 'bash completes on a terminal', [program('bash'), program('script')], async t => {
  const said = await typed(t, 'bash --norc --noprofile -i', `source ${folder}/runner.bash`)
  t.same(
    said,
    lines.map(([, line]) => line),
  )
})

testWith(t, 'zsh completes on a terminal', [program('zsh'), program('script')], async t => {
  const setUp = `fpath=(${folder} $fpath); autoload -Uz compinit; compinit -D -u`
  t.same(
    await typed(t, 'zsh -f -i', setUp),
    lines.map(([, line]) => line),
  )
  t.equal(await command('zsh', ['-n', `${folder}/_runner`]), '')
  const sourced = 'autoload -Uz compinit; compinit -D; source "$0/_runner"; echo $_comps[runner]'
  t.equal(await command('zsh', ['-fc', sourced, folder]), '_runner')
})
