import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { commands } from '../../src/cli/commands.ts'
import { command } from '../support/command.ts'
import { inProcess } from '../support/in-process.ts'
import { program, testWith } from '../support/require.ts'

const folder = resolve('completions')

testWith(t, 'bash completes commands, options and what they take', [program('bash')], async t => {
  const complete = async (...words: string[]) => {
    const script = `source "$0/runner.bash"; COMP_WORDS=(runner "$@"); COMP_CWORD=$#; _runner; echo "\${COMPREPLY[@]}"`
    return (await command('bash', ['-c', script, folder, ...words])).split(' ')
  }
  t.same(await complete('ru'), ['run'])
  const listed = Object.keys(commands).filter(name => !commands[name]!.hidden)
  t.strictSame((await complete('')).slice(0, listed.length), listed)
  t.same(await complete('--verb'), ['--verbose'])
  t.same(await complete('-c', 'x.cfg', 'run', '--resu'), ['--resume'], 'a value is no command')
  t.same(await complete('check', '--resu'), [''])
  t.same(await complete('--config', 'completions/runner.b'), ['completions/runner.bash'])
  t.same(await complete('run', 'completi'), ['completions'])
  t.same(await complete('status', '--task-dir', 'completi'), ['completions'])
  t.same(await complete('help', 'li'), ['list'])
  t.same(await complete('job', ''), ['put', 'list', 'show', 'stats', 'delete', 'run', 'help'])
  t.same(await complete('job', 'put', '--ima'), ['--image'])
  t.same(await complete('server', 'ba'), ['backup'])
  t.same(await complete('server', '--lis'), ['--listen'])
  t.same(await complete('--server', 'x', 'node', 'unta'), ['untaint'])
  t.same(await complete('restore', 'completions/runner.b'), ['completions/runner.bash'])
  t.same(await complete('token', 'create', 'sub'), ['submitter'])
  t.same(await complete('group', 'mode', 'default', 'l'), ['leader'])
  t.same(await complete('abort', '--server=x', '--abort'), [''])
})

testWith(t, 'bash completes what runner knows, and executes nothing of it', [program('bash')], async t => {
  const name = '30-$(touch owned).sh'
  const dir = t.testdir({
    'runner.cfg': '[runner]\nstate_dir = state\ntask_dir = tasks',
    tasks: { '10-mount.sh': '', [name]: '' },
  })
  for (const file of ['10-mount.sh', name]) chmodSync(join(dir, 'tasks', file), 0o755)
  const script = `source "$0/runner.bash"; PATH=$1:$PATH; cd "$2" || exit
    COMP_WORDS=(runner run --only ''); COMP_CWORD=3; _runner; printf '%s\\n' "\${COMPREPLY[@]}"`
  const said = await command('bash', ['-c', script, folder, resolve('bin'), dir])
  t.equal(said, '10-mount.sh\n30-\\$\\(touch\\ owned\\).sh')
  t.notOk(existsSync(join(dir, 'owned')))
})

t.test('runner completion prints what is installed', async t => {
  for (const [shell, file] of [
    ['bash', 'runner.bash'],
    ['zsh', '_runner'],
    ['fish', 'runner.fish'],
  ] as const)
    t.same(await inProcess(['completion', shell]), {
      status: 0,
      out: readFileSync(join(folder, file), 'utf8'),
      err: '',
    })
})
