import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { isAlive } from '../../support/processes.ts'
import { rigTest } from '../../support/rig.ts'
import type { Run } from '../../support/run.ts'

/** Says that it is up, and goes on when the test lets it. */
const held = (name: string, then = '') =>
  `echo "$RUNNER_TASK is up"; read x < "$DIR/${name}"; echo "$RUNNER_TASK goes on"${then}`
const free = (...names: string[]) => names.map(name => `[${name}]\norder = free\n`).join('')

const heldOnce = (name: string) => `[ -e "$DIR/go" ] || { ${held(name)}; }`
const pids = 'echo $$ >> "$DIR/pids"; '

/** The begins and ends, in order. */
const story = (run: Run) =>
  run.events.flatMap(event => {
    if (event.event === 'try:started') return `+${event.task}`
    return event.event === 'try:ended' ? `-${event.task} ${event.outcome}` : []
  })

rigTest(
  t,
  'free tasks run at once, as many as there are places; one that is not free waits for all before it',
  {
    runner: { parallel: 2 },
    config: free('a', 'b', 'c'),
    tasks: { a: held('a'), b: held('b'), c: held('c'), d: '' },
  },
  async (t, rig) => {
    const [a, b, c] = ['a', 'b', 'c'].map(name => rig.hold(name))
    const run = rig.run()
    await run.output('a is up')
    await run.output('b is up')
    t.same(story(run), ['+a', '+b'])
    b!.release()
    await run.output('c is up')
    t.same(story(run), ['+a', '+b', '-b OK', '+c'])
    const status = rig.start(['status'])
    t.equal(await status.ended, 0)
    t.match(status.text, /^run 1: running .*1 of 4 tasks done\n {2}a: try 1, for .*\n {2}c: try 1, for .*\n$/)
    c!.release()
    await run.event('try:ended', ({ task }) => task === 'c')
    a!.release()
    t.equal(await run.ended, 0)
    t.same(story(run).slice(-3), ['-a OK', '+d', '-d OK'])
    t.match(run.all('run:started'), [{ parallel: 2, format: 2, tasks: [{ order: 'free' }, {}, {}, {}] }])
  },
)

rigTest(
  t,
  'an exclusive task runs alone, and nothing overtakes it while it waits for that',
  {
    runner: { parallel: 3 },
    config: `${free('a', 'c', 'd', 'b')}exclusive = yes\n`,
    tasks: { a: held('a'), b: held('b'), c: '', d: '' },
  },
  async (t, rig) => {
    const [a, b] = ['a', 'b'].map(name => rig.hold(name))
    const run = rig.run()
    await run.output('a is up')
    t.same(story(run), ['+a'])
    a!.release()
    await run.output('b is up')
    t.same(story(run), ['+a', '-a OK', '+b'])
    b!.release()
    t.equal(await run.ended, 0)
    t.same(story(run).slice(0, 6), ['+a', '-a OK', '+b', '-b OK', '+c', '+d'])
  },
)

for (const [retry_from, expected] of [
  ['beginning', ['+a', '+b', '-a RETRY', '-b OK', '+a', '+b', '-a OK', '-b OK']],
  ['failed', ['+a', '+b', '-a RETRY', '+a', '-a OK', '-b OK']],
] as const)
  rigTest(
    t,
    `a failure leaves what runs beside it alone (retry_from = ${retry_from})`,
    {
      runner: { parallel: 2, retry_from },
      config: free('a', 'b'),
      tasks: {
        a: `[ "$RUNNER_TRY" = 1 ] && [ ! -e "$DIR/go" ] && { until [ -e "$DIR/up" ]; do sleep 0.01; done; exit 1; }; [ -e "$DIR/go" ] || { echo again; read x < "$DIR/again"; }; exit 0`,
        b: `[ -e "$DIR/go" ] || { : > "$DIR/up"; ${held('b')}; }`,
      },
    },
    async (t, rig) => {
      const b = rig.hold('b')
      const again = rig.hold('again')
      const run = rig.run()
      await run.event('try:ended', ({ task }) => task === 'a')
      if (retry_from === 'failed') await run.output('again')
      rig.file('go', '')
      again.release()
      if (retry_from === 'failed') await run.event('try:ended', ({ outcome }) => outcome === 'OK')
      b.release()
      t.equal(await run.ended, 0)
      const told = story(run)
      // Tasks that begin at once end in any order.
      t.same(told.slice(0, 6), expected.slice(0, 6))
      t.same(told.slice(6).sort(), expected.slice(6).toSorted())
      const waits = run.all('chain:waiting')
      t.match(waits, [{ task: 'a', next_task: 'a', counts: retry_from === 'failed' ? 'task' : 'chain' }])
    },
  )

rigTest(
  t,
  'a HALT waits for what runs beside it, then the halt task runs; a second failure is named too',
  {
    runner: { parallel: 3, max_tries: 1 },
    config: free('a', 'b', 'c'),
    tasks: {
      a: held('a', '; exit 1'),
      b: `until [ -e "$DIR/up" ]; do sleep 0.01; done; exit 2`,
      c: `: > "$DIR/up"; ${held('c')}`,
      d: '',
      'halt.sh': 'echo halting',
    },
  },
  async (t, rig) => {
    const [a, c] = ['a', 'c'].map(name => rig.hold(name))
    const run = rig.run()
    await run.output('a is up')
    await run.event('try:ended', ({ task }) => task === 'b')
    a!.release()
    await run.event('try:ended', ({ task }) => task === 'a')
    t.notOk(run.tries.includes('halt.sh'))
    c!.release()
    t.equal(await run.ended, 2)
    t.same(story(run).slice(3), ['-b HALT', '-a RETRY', '-c OK', '+halt.sh', '-halt.sh OK'])
    t.match(run.all('run:ended'), [{ reason: 'halted', task: 'b', tasks_done: 1 }])
    const explained = rig.start(['explain'])
    t.equal(await explained.ended, 0)
    t.match(
      explained.text,
      /a task halted it.*\nb, try 1 of 1: exit status 2\.\nBeside it: a, try 1: exit status 1\.\n/,
    )
  },
)

rigTest(
  t,
  'a signal goes to all that run, and a resumed run does what is not done',
  {
    runner: { parallel: 3 },
    config: free('a', 'b', 'c'),
    tasks: { a: 'echo a is up', b: heldOnce('b'), c: heldOnce('c'), d: 'echo d is up' },
  },
  async (t, rig) => {
    for (const name of ['b', 'c']) rig.hold(name)
    const run = rig.run()
    await run.output('b is up')
    await run.output('c is up')
    await run.event('try:ended', ({ task }) => task === 'a')
    run.child.kill('SIGTERM')
    t.equal(await run.ended, 143)
    t.match(run.all('run:ended'), [{ reason: 'interrupted', task: 'b', tasks_done: 1 }])
    rig.file('go', '')
    const next = await rig.finish('--resume')
    t.equal(next.status, 0)
    t.same(next.all('run:started')[0]?.resumes?.done, ['a'])
    t.same(story(next).slice(0, 2), ['+b', '+c'])
    t.equal(next.tries.length, 3)
  },
)

rigTest(
  t,
  'what a killed run has left of several tasks is ended before any of them begins again',
  {
    runner: { parallel: 3, kill_grace: 0.3 },
    config: free('a', 'b', 'c'),
    tasks: Object.fromEntries(['a', 'b', 'c'].map(name => [name, `${pids}${heldOnce(name)}`])),
  },
  async (t, rig) => {
    for (const name of ['a', 'b', 'c']) rig.hold(name)
    const run = rig.run()
    for (const name of ['a', 'b', 'c']) await run.output(`${name} is up`)
    run.child.kill('SIGKILL')
    await run.ended
    const left = rig.lines('pids').map(Number)
    t.equal(left.filter(isAlive).length, 3)
    const explained = rig.start(['explain'])
    await explained.ended
    t.match(
      explained.text,
      /\na, try 1 of 5: was under way\.\nBeside it: b, try 1: it was under way\.\nBeside it: c, try 1: it was under way\.\n/,
    )
    rig.file('go', '')
    const next = await rig.finish('--resume')
    t.equal(next.status, 0)
    t.same(left.filter(isAlive), [])
    t.same(
      next
        .all('run:started')[0]
        ?.resumes?.killed.map(({ pid }) => pid)
        .sort(),
      left.sort(),
    )
    t.match(next.all('run:started')[0]?.resumes?.begun, ['a', 'b', 'c'])
  },
)

rigTest(
  t,
  'a reboot is asked for when nothing else runs, and a failure beside it counts after the reboot',
  {
    runner: { parallel: 2, reboot_command: `sh -c 'echo reboot >> "$DIR/ran"'` },
    config: free('a', 'b'),
    tasks: {
      a: 'until [ -e "$DIR/up" ]; do sleep 0.01; done; exit 194',
      b: `[ -e "$DIR/go" ] || { : > "$DIR/up"; ${held('b', '; echo b >> "$DIR/ran"; exit 1')}; }`,
      c: 'echo c >> "$DIR/ran"',
    },
  },
  async (t, rig) => {
    const b = rig.hold('b')
    const run = rig.run()
    await run.event('try:ended', ({ outcome }) => outcome === 'REBOOT')
    t.same(rig.lines('ran'), [])
    b.release()
    t.equal(await run.ended, 5)
    t.same(rig.lines('ran'), ['b', 'reboot'])
    t.equal((await rig.finish('--resume')).status, 5, 'the reboot has not come')
    // As after the reboot: the journal is of another boot.
    const journal = rig.path('state/runs/1/events.jsonl')
    writeFileSync(journal, readFileSync(journal, 'utf8').replace(/"boot_id":"[^"]*"/, '"boot_id":"before"'))
    rig.file('go', '')
    rig.task('halt.sh', '')
    const next = await rig.finish('--resume')
    t.match(next.all('run:started')[0]?.resumes, {
      run_id: 1,
      done: ['a'],
      failed: { task: 'b', try_num: 1 },
    })
    t.match(next.all('chain:waiting'), [{ task: 'b', next_task: 'a', try_num: 2, counts: 'chain' }])
    t.equal(next.status, 5, 'a, which always asks for a reboot, asks again')
  },
)

rigTest(
  t,
  'lines of tasks that write at once come whole, with the name of their task',
  {
    runner: { parallel: 2 },
    config: free('a', 'b'),
    tasks: { a: `printf 'one '; ${held('a')}; printf 'no feed'`, b: held('b') },
  },
  async (t, rig) => {
    const [a, b] = ['a', 'b'].map(name => rig.hold(name))
    const run = rig.start(['run'])
    await run.says('b | b is up\n')
    b!.release()
    await run.says('b | b goes on\n')
    a!.release()
    t.equal(await run.ended, 0)
    t.match(run.text, /^a \| one a is up\n/m)
    t.match(run.text, /^a \| a goes on\na \| no feed\nrunner: a: OK/m)
  },
)

rigTest(
  t,
  'runner check says where settings for tasks at once change nothing',
  { tasks: { a: '', b: '' } },
  async (t, rig) => {
    const check = async (runner: Record<string, number>, config: string) => {
      rig.configure(runner, config)
      const run = rig.start(['check'])
      t.equal(await run.ended, 0)
      return run.text
    }
    t.match(
      await check({}, `${free('a')}[b]\nexclusive = yes\n`),
      /:8: notice: a: order = free changes nothing: parallel is 1\n.*\n.*:10: notice: b: exclusive = yes changes/,
    )
    t.match(
      await check({ parallel: 3 }, '[b]\nexclusive = yes\n'),
      /:\d: notice: parallel = 3 changes nothing: no task says/,
    )
    t.notMatch(await check({ parallel: 2 }, free('a')), 'changes nothing')
    t.notMatch(await check({}, ''), 'changes nothing')
    t.match(
      await check({}, '[a]\norder = sideways\n'),
      /warning: order is "sideways"; it must be name or free/,
    )
  },
)

rigTest(
  t,
  'runner list and runner graph say which tasks are free and which run alone',
  { config: `${free('b')}depends_on = a\n[c]\nexclusive = yes`, tasks: { a: '', b: '', c: '' } },
  async (t, rig) => {
    const list = rig.start(['list'])
    t.equal(await list.ended, 0)
    t.match(list.text, / starts\n.*\n.* free\n.* alone\n/)
    const graph = rig.start(['graph'])
    t.equal(await graph.ended, 0)
    t.equal(graph.text, '  1  a\n  2  b  (free)  <- a\n  3  c  (alone)\n')
    const chart = rig.start(['graph', '--mermaid'])
    t.equal(await chart.ended, 0)
    t.match(chart.text, '\n  t2 -.-> t3\n  t1 --> t2\n')
    t.notMatch(chart.text, /t1 -\.-> t3/)
  },
)
