import { mkdirSync, rmSync } from 'node:fs'
import t from 'tap'
import { launcher, rigTest } from '../support/rig.ts'

/** Every way in which a process can hide; each notes its kind and pid, says that it is up, and stays. */
const stay = 'echo "$1 $$" >> "$2/pids"; echo >> "$2/up"; read x < "$2/hold"'
const spawnAll = `
stay='${stay}'
echo "leader $$" >> "$DIR/pids"
sh -c "$stay" sh child "$DIR" &
sh -c "trap '' TERM; $stay" sh deaf "$DIR" &
env -i /bin/sh -c "$stay" sh cleared "$DIR" &
( setsid sh -c "$stay" sh daemon "$DIR" & )
( setsid sh -c "trap '' TERM; $stay" sh deaf-daemon "$DIR" & )
setsid env -i /bin/sh -c "trap '' TERM; $stay" sh deaf-cleared-session "$DIR" &
for each in 1 2 3 4 5 6; do read x; done < "$DIR/up"
echo up`
const kinds = ['child', 'cleared', 'daemon', 'deaf', 'deaf-cleared-session', 'deaf-daemon', 'leader']
const findAlive = `
. "$FIXTURES/alive.sh"
while read -r kind pid; do alive "$pid" && echo "$kind is alive"; done < "$DIR/pids"`

rigTest(
  t,
  'at the time limit nothing of the tree survives into the next try, and the event names who was killed',
  {
    runner: { max_time: 1, kill_grace: 0.3 },
    tasks: { a: `if [ "$RUNNER_TRY" = 1 ]; then ${spawnAll}\nread x < "$DIR/hold"\nfi${findAlive}\nexit 0` },
  },
  async (t, rig) => {
    for (const name of ['hold', 'up']) rig.hold(name)
    const run = await rig.finish()
    t.equal(run.status, 0)
    t.equal(run.taskOutput(), 'up\n', 'the second try finds none alive')
    const pids = new Map(rig.lines('pids').map(line => line.split(' ') as [string, string]))
    t.same([...pids.keys()].sort(), kinds)
    const [first, second] = run.all('try:ended')
    t.match(first, { outcome: 'RETRY', failure: { reason: 'timed-out', max_time: 1 }, survivors: [] })
    for (const [kind, pid] of pids) {
      const fact = first!.killed.find(fact => fact.pid === Number(pid))
      t.match(fact?.command, kind === 'leader' ? /tasks\.d\/a$/ : new RegExp(` ${kind} `), kind)
    }
    t.match(second, { outcome: 'OK', killed: [] })
    t.match(run.all('try:limit'), [{ task: 'a', max_time: 1 }])
  },
)

rigTest(
  t,
  'after a failure what it left in the background is ended before the next try, and named',
  {
    runner: { kill_grace: 0.3 },
    tasks: { a: `if [ "$RUNNER_TRY" = 1 ]; then ${spawnAll}\nexit 1\nfi${findAlive}\nexit 0` },
  },
  async (t, rig) => {
    for (const name of ['hold', 'up']) rig.hold(name)
    const run = await rig.finish()
    t.equal(run.status, 0)
    const pids = new Map(rig.lines('pids').map(line => line.split(' ') as [string, string]))
    // A process that has lost its parent, has a session of its own and no environment is out of reach.
    t.equal(run.taskOutput(), 'up\ndeaf-cleared-session is alive\n')
    const [first] = run.all('try:ended')
    t.match(first, { outcome: 'RETRY', exit_code: 1, survivors: [] })
    const killed = first!.killed.map(fact => String(fact.pid)).sort()
    const known = kinds.filter(kind => kind !== 'leader' && kind !== 'deaf-cleared-session')
    t.same(killed, known.map(kind => pids.get(kind)).sort())
    process.kill(Number(pids.get('deaf-cleared-session')), 'SIGKILL')
  },
)

rigTest(
  t,
  'a trap of SIGTERM runs at the time limit, and a task that then ends in time is not killed',
  {
    runner: { max_time: 0.5, kill_grace: 60, max_tries: 1 },
    tasks: { a: `trap 'echo tidied; exit 0' TERM\nread x < "$DIR/hold"` },
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.equal(run.taskOutput(), 'tidied\n')
    t.match(run.all('try:ended'), [{ outcome: 'RETRY', exit_code: 0, failure: { reason: 'timed-out' } }])
  },
)

rigTest(
  t,
  'a task that forks while it is being ended is ended all the same',
  {
    runner: { max_time: 0.3, kill_grace: 0.2, max_tries: 1 },
    tasks: {
      a: `again() { sh -c ': > "$DIR/forked"; trap "" TERM; while :; do setsid sh -c "sleep 0.02"; done' & }\ntrap again TERM\nwhile :; do read x < "$DIR/hold"; done`,
    },
  },
  async (t, rig) => {
    rig.hold('hold')
    const run = await rig.finish()
    t.equal(run.status, 1)
    t.match(run.all('try:ended'), [{ failure: { reason: 'timed-out' }, survivors: [] }])
  },
)

rigTest(
  t,
  'what a runner inside a task has started is part of its tree, although it has sessions of its own',
  {
    runner: { kill_grace: 0.2, max_tries: 1 },
    tasks: { a: `exec '${launcher}' run "$DIR/inner.d"` },
  },
  async (t, rig) => {
    rig.hold('hold')
    const life = rig.lifeline('life')
    mkdirSync(rig.path('inner.d'), { mode: 0o755 })
    rig.file(
      'inner.d/b',
      `#!/bin/sh\nexec 9> "$DIR/life"\ntrap '' TERM\necho up\nread x < "$DIR/hold"\n`,
      0o755,
    )
    // The inner runner reads the same configuration, which lets it wait longer than it may live.
    rig.configure({ kill_grace: 0.2, max_tries: 1 }, '[b]\nkill_grace = 60')
    const run = rig.run()
    await run.output('up\n')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    await life.gone()
    t.match(run.all('try:ended'), [{ task: 'a', outcome: 'INTERRUPTED', survivors: [] }])
    // The inner runner was killed before it could tidy up.
    rmSync(rig.path('state/runs/2'), { recursive: true })
  },
)
