import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import t from 'tap'
import { command } from '../../support/command.ts'
import { program } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'

const held = 'echo up\nread x < "$DIR/hold"\nseq 1 100000\necho done > "$DIR/trace"'

rigTest(
  t,
  'a reader that goes away costs the view, neither the tasks nor the log',
  { tasks: { a: held, b: 'echo b' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.start(['run'])
    await run.says('up\n')
    run.child.stdout!.destroy()
    hold.release()
    t.equal(await run.ended, 0)
    t.same(rig.lines('trace'), ['done'])
    t.equal(rig.log('001-a.1.log').toString().split('\n').length, 100_002)
    t.equal(rig.log('002-b.1.log').toString(), 'b\n')
    t.equal(Buffer.concat(run.err).toString(), '')
  },
)

for (const [what, redirect] of [
  ['closed', '>&- 2>&-'],
  ['full', '> /dev/full 2>&1'],
] as const)
  rigTest(
    t,
    `a standard output that is ${what} from the beginning costs the view alone, in every form`,
    { tasks: { a: 'echo a', b: 'seq 1 100000' } },
    async (t, rig) => {
      for (const [number, form] of [[], ['--json'], ['-v', '--syslog']].entries()) {
        const run = rig.start(['run', ...form], { before: ['sh', '-c', `exec "$@" ${redirect}`, 'sh'] })
        t.equal(await run.ended, 0, form.join(' '))
        t.equal(rig.log('001-a.1.log', number + 1).toString(), 'a\n')
      }
    },
  )

rigTest(
  t,
  'while nobody reads standard output a task waits, but its time limit holds',
  {
    runner: { max_time: 0.5, kill_grace: 0.2, max_tries: 1 },
    tasks: { a: 'trap "" TERM\nexec 9> "$DIR/life"\nyes' },
  },
  async (t, rig) => {
    const life = rig.lifeline('life')
    rig.hold('view')
    const reader = openSync(rig.path('view'), constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(rig.path('view'), constants.O_WRONLY)
    const run = rig.start(['run'], { stdio: ['ignore', writer, 'pipe'] })
    closeSync(writer)
    await life.gone()
    let said = ''
    const view = new Socket({ fd: reader, readable: true, writable: false }).setEncoding('latin1')
    view.on('data', (chunk: string) => (said = (said + chunk.replaceAll('y\n', '')).slice(-2000)))
    t.equal(await run.ended, 1)
    view.destroy()
    t.match(said, /a: has run 500 ms, its max_time; ending it/)
    t.match(said, /run 1 gave up at a/)
  },
)

const terminal = ['sh', '-c', 'exec script -qec "$*" /dev/null', 'sh']
for (const [what, args, before] of [
  ['a pipe', ['run'], []],
  ['a pipe, as JSON,', ['run', '--json'], []],
  ['a terminal', ['run', '-v'], terminal],
  ['a terminal with a picture', ['run'], terminal],
] as const)
  rigTest(
    t,
    `${what} that nobody reads holds no task for longer than seconds, and is told of what it has missed`,
    {
      runner: { max_time: 19, max_tries: 1 },
      env: { TERM: 'xterm', NO_COLOR: '1' },
      needs: [program('script')],
      tasks: { a: 'seq 1 300000', b: 'exec 9> "$DIR/life"\necho > "$DIR/ready"\nseq 1 300000' },
    },
    async (t, rig) => {
      const life = rig.lifeline('life')
      for (const name of ['view', 'ready']) rig.hold(name)
      const reader = openSync(rig.path('view'), constants.O_RDONLY | constants.O_NONBLOCK)
      const writer = openSync(rig.path('view'), constants.O_WRONLY)
      const run = rig.start([...args], { stdio: ['ignore', writer, 'pipe'], before: [...before] })
      closeSync(writer)
      await command('sh', ['-c', 'read x < "$1"', 'sh', rig.path('ready')])
      await life.gone()
      let said = ''
      const view = new Socket({ fd: reader, readable: true, writable: false }).setEncoding('latin1')
      const shown = new Promise<void>(resolve =>
        view.on('data', (chunk: string) => {
          said += chunk
          if (/"run:ended".*"succeeded"|run 1 succeeded/.test(said.slice(-2000))) resolve()
        }),
      )
      t.equal(await run.ended, 0)
      await shown
      view.destroy()
      t.equal(rig.log('002-b.1.log').toString().split('\n').length, 300_001, 'the log has all')
      if (what !== 'a terminal with a picture') t.ok(/\d+ lines are not shown/.test(said), said.slice(-500))
    },
  )
