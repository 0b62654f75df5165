import { mkdirSync } from 'node:fs'
import t from 'tap'
import { type Rig, rigTest } from '../support/rig.ts'

/** Puts a systemd-notify of our own before all others on the PATH; without a script it writes down what it is told. */
function fakeNotify(rig: Rig, script = 'echo "$*" >> "$DIR/told"'): { env: NodeJS.ProcessEnv } {
  mkdirSync(rig.path('bin'))
  rig.file('bin/systemd-notify', `#!/bin/sh\n${script}\n`, 0o755)
  return {
    env: {
      PATH: `${rig.path('bin')}:${process.env.PATH}`,
      NOTIFY_SOCKET: rig.path('no-socket'),
      WATCHDOG_USEC: '30000000',
    },
  }
}

const held = 'echo up; read x < "$DIR/hold"'

rigTest(
  t,
  'a service is ready at the end of the chain, and its status says which',
  { tasks: { '1-a': held, '2-b': '' } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.start(['run', '--json'], fakeNotify(rig))
    await run.output('up')
    hold.release()
    t.equal(await run.ended, 0)
    const told = rig.lines('told')
    t.equal(told[0], 'EXTEND_TIMEOUT_USEC=30000000 WATCHDOG=1')
    t.match(told.at(-1), /STATUS=run 1 succeeded: 2 tasks .* READY=1$/)
    t.equal(told.filter(line => line.includes('READY=1')).length, 1)
    t.ok(told.length <= 4, 'quick steps share a message')
  },
)

rigTest(t, 'a chain that fails is never ready', { tasks: { a: 'exit 2' } }, async (t, rig) => {
  t.equal(await rig.start(['run'], fakeNotify(rig)).ended, 2)
  t.match(rig.lines('told').at(-1), /^STATUS=run 1 was halted by a/)
  t.notMatch(rig.lines('told').join(), 'READY')
})

// The task goes on when its status has been told.
const told = 'read x < "$DIR/hold"; echo told; read x < "$DIR/end"'

rigTest(t, 'the running task is the status, and a stop is told', { tasks: { a: told } }, async (t, rig) => {
  for (const name of ['hold', 'end']) rig.hold(name)
  const release = 'echo > "$DIR/hold"'
  const notify = `echo "$*" >> "$DIR/told"; case $* in *"a: started (try 1 of 5)") ${release} ;; esac`
  const run = rig.start(['run', '--json'], fakeNotify(rig, notify))
  await run.output('told')
  run.child.kill('SIGTERM')
  t.equal(await run.ended, 143)
  t.match(rig.lines('told').at(-1), 'STOPPING=1')
})

rigTest(
  t,
  'of tasks that run at once the status has the names',
  {
    runner: { parallel: 2 },
    config: '[a]\norder = free\n[b]\norder = free\n',
    tasks: { a: 'read x < "$DIR/hold-a"', b: 'read x < "$DIR/hold-b"' },
  },
  async (t, rig) => {
    for (const name of ['hold-a', 'hold-b']) rig.hold(name)
    // The tasks wait until both names have been told.
    const release = 'echo > "$DIR/hold-a"; echo > "$DIR/hold-b"'
    const notify = `case $* in *"STATUS=2 tasks under way: a, b"*) ${release} ;; esac`
    t.equal(await rig.start(['run', '--json'], fakeNotify(rig, notify)).ended, 0)
  },
)

rigTest(
  t,
  'tasks do not learn of the socket, nor of the watchdog',
  { tasks: { a: 'env' } },
  async (t, rig) => {
    const run = rig.start(['run', '--json'], fakeNotify(rig))
    await run.ended
    t.notMatch(run.taskOutput(), /NOTIFY_SOCKET|WATCHDOG/)
  },
)

rigTest(
  t,
  'a systemd-notify that fails costs the status alone, and is told of once',
  { tasks: { a: held } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    const run = rig.start(['run', '--json'], fakeNotify(rig, 'exit 1'))
    await run.event('notice')
    hold.release()
    t.equal(await run.ended, 0)
    const message = 'systemd is not told how the run goes: systemd-notify(1) ended with status 1'
    t.match(run.all('notice'), [{ reason: 'systemd-lost', message }])
    t.equal(run.all('notice').length, 1)
    t.same(rig.notices(), [message])
  },
)
