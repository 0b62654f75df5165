import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { configCommand } from '../../src/config/config-command.ts'
import { launcher, type Rig, rigTest } from '../support/rig.ts'

const odd = 'it\'s a $HOME * "dir" `x`\nnew;&'
const ask = {
  a: 'echo "<$($RUNNER_CONFIG_CMD -g facts.one)> $?"; echo "$RUNNER_CONFIG_CMD" > "$DIR/command"',
}
const facts = '[facts]\none = 1'

/** A copy of the program under another directory. */
function copyProgram(rig: Rig): string {
  const from = dirname(dirname(launcher))
  const to = rig.path(odd)
  mkdirSync(to, { mode: 0o755 })
  for (const name of ['bin', 'src', 'dist', 'lib', 'package.json'])
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name), { recursive: true })
  if (existsSync(join(from, 'node_modules')))
    symlinkSync(join(from, 'node_modules'), join(to, 'node_modules'))
  return join(to, 'bin', 'runner')
}

rigTest(
  t,
  'RUNNER_CONFIG_CMD names the launcher and the file where their paths are plain',
  { tasks: ask, config: facts },
  async (t, rig) => {
    const run = await rig.finish()
    t.equal(run.taskOutput(), '<1> 0\n')
    t.match(rig.lines('command'), [new RegExp(`/bin/runner -c ${rig.path('runner.cfg')}$`)])
  },
)

rigTest(
  t,
  'RUNNER_CONFIG_CMD works unquoted with a configuration whose path has shell characters in it',
  { tasks: ask, config: facts },
  async (t, rig) => {
    mkdirSync(rig.path(odd), { mode: 0o755 })
    const file = rig.path(odd, "a\\ b*'$x.cfg")
    renameSync(rig.path('runner.cfg'), file)
    for (const name of ['tasks.d', 'state']) symlinkSync(`../${name}`, rig.path(odd, name))
    mkdirSync(rig.path('state'))
    const run = await rig.finish('-c', file)
    t.equal(run.status, 0, run.text)
    t.equal(run.taskOutput(), '<1> 0\n')
  },
)

rigTest(
  t,
  'RUNNER_CONFIG_CMD works unquoted with a program whose path has shell characters in it',
  { tasks: ask, config: facts, runner: { retry_from: 'failed' } },
  async (t, rig) => {
    const run = rig.start(['run', '--json'], { program: copyProgram(rig) })
    t.equal(await run.ended, 0, run.text)
    t.equal(run.taskOutput(), '<1> 0\n')
    t.match(
      rig.lines('command'),
      [/^\/bin\/sh \S*\/state\/config-cmd-\w+$/],
      'by a script in the state directory',
    )
  },
)

rigTest(
  t,
  'where the paths of the state directory and of TMPDIR are not plain either, a directory elsewhere stands in and goes with the run',
  { tasks: ask, config: facts, runner: { state_dir: `${odd.replace('\n', '')}/state` } },
  async (t, rig) => {
    const run = rig.start(['run', '--json'], { program: copyProgram(rig), env: { TMPDIR: rig.path(odd) } })
    t.equal(await run.ended, 0, run.text)
    t.equal(run.taskOutput(), '<1> 0\n')
    const [command] = rig.lines('command')
    t.match(command, /^\/bin\/sh \S+$/)
    t.notOk(existsSync(command!.split(' ')[1]!), 'it is gone')
  },
)

t.test('a state directory that has gone is done without', async t => {
  using command = configCommand('/opt/runner', "/srv/it's/runner.cfg", '/nowhere/state')
  const [shell, script] = command.value.split(' ')
  t.equal(shell, '/bin/sh')
  t.ok(existsSync(script!))
})
