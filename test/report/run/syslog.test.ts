import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { program } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

/** Puts a logger of our own before all others on the PATH; it knows no journal, whatever this machine has. */
function fakeLogger(rig: Rig, script: string): { env: NodeJS.ProcessEnv } {
  mkdirSync(rig.path('bin'))
  rig.file('bin/logger', `#!/bin/sh\n[ "$1" != --journald ] || exit 1\n${script}\n`, 0o755)
  return { env: { PATH: `${rig.path('bin')}:${process.env.PATH}` } }
}

const tasks = { '1-a.sh': 'echo from a', '2-b.sh': 'echo from b; exit 2' }

rigTest(
  t,
  '--syslog tells one logger what happens, with priorities and without the output of tasks',
  { tasks },
  async (t, rig) => {
    const options = fakeLogger(rig, 'echo "$@" >> "$DIR/args"; cat >> "$DIR/syslog"')
    const run = rig.start(['run', '--syslog'], options)
    t.equal(await run.ended, 2)
    t.same(rig.lines('args'), ['--tag runner --prio-prefix'])
    const lines = rig.lines('syslog')
    t.match(lines, [
      /^<6>run 1: 2 tasks in /,
      /^<6>1-a\.sh: started/,
      /^<6>1-a\.sh: OK/,
      /^<6>2-b\.sh: started/,
      /^<4>2-b\.sh: HALT \(exit status 2/,
      /^<5>no halt task/,
      /^<3>run 1 was halted by 2-b\.sh/,
      /^<3> {2}\| from b$/,
    ])
    t.equal(lines.length, 8)
    t.match(run.text, 'from a', 'and standard output is as ever')
  },
)

rigTest(
  t,
  "--syslog works in build-runner's spelling and beside --json",
  { tasks: { a: '' } },
  async (t, rig) => {
    const options = fakeLogger(rig, 'cat >> "$DIR/syslog"')
    t.equal(await rig.start(['--syslog', '-c', 'runner.cfg', '-n', '1', 'tasks.d'], options).ended, 0)
    t.equal(await rig.start(['run', '--json', '-q', '--syslog'], options).ended, 0)
    t.same(
      rig.lines('syslog').map(line => line.replace(/ in .*| \(.*/, '')),
      ['<6>run 1: 1 task', '<6>a: started', '<6>a: OK', '<6>run 1 succeeded: 1 task'],
      '-q is for the system log, too',
    )
  },
)

const logger = program('logger')
rigTest(
  t,
  'the logger of this machine understands what it is told',
  { tasks, needs: [logger] },
  async (t, rig) => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    const heard: Buffer[] = []
    const daemon = createServer(client => client.on('data', chunk => heard.push(Buffer.from(chunk))))
    await new Promise<void>(done => daemon.listen(join(folder, 'socket'), done))
    const options = fakeLogger(rig, `exec '${logger.path}' --socket '${folder}/socket' "$@"`)
    t.equal(await rig.start(['run', '--syslog'], options).ended, 2)
    await new Promise(done => daemon.close(done))
    rmSync(folder, { recursive: true })
    const messages = Buffer.concat(heard).toString()
    t.match(messages, /<14>.* runner: run 1: 2 tasks in /, 'facility user, priority info')
    t.match(messages, /<12>.* runner: 2-b\.sh: HALT/)
    t.match(messages, /<11>.* runner: run 1 was halted by 2-b\.sh/)
  },
)

for (const [what, script, message] of [
  ['that fails', 'exit 9', /^nothing goes to the system log: /],
  ['that ends early', 'read x', /^nothing goes to the system log: logger\(1\) has ended$/],
] as const)
  rigTest(
    t,
    `a logger ${what} costs the system log alone, and is told of once`,
    { tasks: { a: 'echo up; read x < "$DIR/hold"' } },
    async (t, rig) => {
      const hold = rig.hold('hold')
      const logger = rig.lifeline('logger')
      const options = fakeLogger(rig, `exec 9> "$DIR/logger"\n${script}`)
      const run = rig.start(['run', '--json', '--syslog', '-n', '3'], options)
      for (const run_id of [1, 2, 3]) {
        await run.event('try:output', () => run.all('run:started').length === run_id)
        if (run_id === 1) await logger.gone()
        hold.release()
        await run.event('run:ended', end => end.run_id === run_id)
      }
      t.equal(await run.ended, 0)
      t.match(run.all('notice'), [{ reason: 'syslog-lost', message }])
      t.equal(run.all('notice').length, 1)
      t.match(rig.notices(), [message])
    },
  )

rigTest(
  t,
  'a machine without a logger keeps the chain running, and says so',
  { tasks: { a: 'echo up; read x < "$DIR/hold"' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    mkdirSync(rig.path('bin'))
    for (const name of ['sh', 'mkfifo', 'find']) symlinkSync(program(name).path, rig.path('bin', name))
    symlinkSync(process.execPath, rig.path('bin/node'))
    const run = rig.start(['run', '--json', '--syslog'], { env: { PATH: rig.path('bin') } })
    await run.event('notice')
    hold.release()
    t.equal(await run.ended, 0)
    t.match(run.all('notice'), [{ reason: 'syslog-lost', message: /logger\(1\) is not installed/ }])
    t.match(rig.notices(), [/logger\(1\) is not installed/])
  },
)

rigTest(t, 'a logger that hangs does not keep runner from ending', { tasks: { a: '' } }, async (t, rig) => {
  rig.hold('hold')
  const run = rig.start(['run', '--syslog'], fakeLogger(rig, 'read x < "$DIR/hold"'))
  t.equal(await run.ended, 0)
})
