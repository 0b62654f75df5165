import { resolve } from 'node:path'
import t from 'tap'
import { command } from '../support/command.ts'
import { program, testWith } from '../support/require.ts'

const folder = resolve('completions')

testWith(t, 'bash completes commands, options and what they take', [program('bash')], async t => {
  const complete = async (...words: string[]) => {
    const script = `source "$0/runner.bash"; COMP_WORDS=(runner "$@"); COMP_CWORD=$#; _runner; echo "\${COMPREPLY[@]}"`
    return (await command('bash', ['-c', script, folder, ...words])).split(' ')
  }
  t.same(await complete('ru'), ['run', 'runners'])
  t.match(await complete(''), ['run', 'check', 'list', 'get'])
  t.same(await complete('--verb'), ['--verbose'])
  t.same(await complete('-c', 'x.cfg', 'run', '--resu'), ['--resume'], 'a value is no command')
  t.same(await complete('check', '--resu'), [''])
  t.same(await complete('--config', 'completions/runner.b'), ['completions/runner.bash'])
  t.same(await complete('run', 'completi'), ['completions'])
  t.same(await complete('status', '--task-dir', 'completi'), ['completions'])
  t.same(await complete('help', 'li'), ['list'])
  t.same(await complete('job', ''), ['put', 'list', 'show', 'delete', 'run', 'help'])
  t.same(await complete('job', 'put', '--ima'), ['--image'])
  t.same(await complete('server', 'ba'), ['backup'])
  t.same(await complete('server', '--lis'), ['--listen'])
  t.same(await complete('--server', 'x', 'runners', 'unta'), ['untaint'])
  t.same(await complete('restore', 'completions/runner.b'), ['completions/runner.bash'])
})

testWith(t, 'fish completes commands and options', [program('fish')], async t => {
  const complete = async (line: string) => {
    const script = 'source $argv[1]/runner.fish; complete -C $argv[2]'
    const said = await command('fish', ['--no-config', '-c', script, folder, line])
    return said.split('\n').map(word => word.split('\t')[0])
  }
  t.same(await complete('runner ru'), ['run', 'runners'])
  t.same(await complete('runner run --resu'), ['--resume'])
  t.same(await complete('runner check --resu'), [''])
  t.same(await complete('runner help li'), ['list'])
  t.same(await complete('runner runners unta'), ['untaint'])
  t.same(await complete('runner job put --ima'), ['--image'])
  t.same(await complete('runner job show --ima'), [''])
  t.same(await complete('runner status --task-dir completi'), ['completions/'])
})

testWith(t, 'zsh takes the completions', [program('zsh')], async t => {
  const script = 'fpath=("$0" $fpath); autoload -Uz compinit; compinit -D; echo $_comps[runner]'
  t.equal(await command('zsh', ['-fc', script, folder]), '_runner')
  t.equal(await command('zsh', ['-n', `${folder}/_runner`]), '')
})
