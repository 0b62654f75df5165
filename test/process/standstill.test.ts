import t from 'tap'
import { command } from '../support/command.ts'
import { type Rig, rigTest } from '../support/rig.ts'

/** A task that blocks until it is told, then ends with 0. */
const held = 'exec 9> "$DIR/life"\necho up\nread x < "$DIR/hold"'

/** Lets the task end while runner stands still. */
async function endsInStandstill(rig: Rig, seconds: string, ...signals: NodeJS.Signals[]) {
  const hold = rig.hold('hold')
  const life = rig.lifeline('life')
  const run = rig.run()
  await run.output('up')
  run.child.kill('SIGSTOP')
  hold.release()
  await life.gone()
  await command('sleep', [seconds])
  for (const signal of [...signals, 'SIGCONT'] as const) run.child.kill(signal)
  return Object.assign(run, { status: await run.ended })
}

rigTest(
  t,
  'a task that ended in time while runner stood still over its limit has ended in time',
  { runner: { max_time: 1, max_tries: 1 }, tasks: { a: held } },
  async (t, rig) => {
    const run = await endsInStandstill(rig, '2')
    t.equal(run.status, 0)
    t.same(run.outcomes(), ['OK'])
    t.same(run.all('try:limit'), [])
  },
)

rigTest(
  t,
  'time in which runner stood still does not count for the limit of a task',
  { runner: { max_time: 3, max_tries: 1 }, tasks: { a: held } },
  async (t, rig) => {
    const hold = rig.hold('hold')
    rig.lifeline('life')
    const run = rig.run()
    await run.output('up')
    run.child.kill('SIGSTOP')
    await command('sleep', ['4.5'])
    run.child.kill('SIGCONT')
    await command('sleep', ['0.5'])
    hold.release()
    t.equal(await run.ended, 0)
    t.same(run.outcomes(), ['OK'])
  },
)

rigTest(
  t,
  'a task that ended with 0 as the signal came is OK, and done',
  // Where runner hears of the end before the signal, the next task has begun: it must not end before the signal.
  { tasks: { a: held, b: '[ -e "$DIR/again" ] || exec sleep 1000' } },
  async (t, rig) => {
    const run = await endsInStandstill(rig, '0', 'SIGTERM')
    t.equal(run.status, 143)
    t.equal(run.outcomes()[0], 'OK')
    t.match(run.all('run:ended'), [{ reason: 'interrupted', tasks_done: 1 }])
    rig.file('again', '')
    const resumed = await rig.finish('--resume')
    t.equal(resumed.status, 0)
    t.same(resumed.tries, ['b'])
  },
)

rigTest(
  t,
  'a chain whose last task ended with 0 as the signal came has succeeded',
  { tasks: { a: held } },
  async (t, rig) => {
    const run = await endsInStandstill(rig, '0', 'SIGTERM')
    t.equal(run.status, 0)
    t.match(run.all('run:ended'), [{ reason: 'succeeded', tasks_done: 1 }])
  },
)

/** Starts in the storm, so that signals come at each moment from the end of the run to that of the process. */
const storms = 20

rigTest(
  t,
  'signals after the end of a run change nothing: its status is that of the run',
  { tasks: { a: 'echo a' } },
  async (t, rig) => {
    for (let storm = 0; storm < storms; storm++) {
      const run = rig.run()
      await run.event('run:ended')
      let over = false
      const ended = run.ended.finally(() => (over = true))
      while (!over) {
        run.child.kill(storm % 2 === 0 ? 'SIGTERM' : 'SIGINT')
        await new Promise(resolve => setImmediate(resolve))
      }
      t.equal(await ended, 0)
    }
  },
)
