import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Verb } from '../../src/remote/executors/fake/machine.ts'
import { EarlierProcess } from '../support/earlier-process.ts'
import { type FakeRunner, type RunnerHome, runnerTest } from '../support/fake-runner.ts'

t.setTimeout(360_000)

/** Where a process is killed: at a call of its backend. */
const points: [Verb, string, Partial<{ running: number; waiting: number }>][] = [
  ['open', 'before it has a slot', { waiting: 1, running: 0 }],
  ['place', 'before the job is placed', { waiting: 1, running: 0 }],
  ['start', 'right before the start', { running: 1 }],
  ['keep', 'when the job has ended', { running: 1 }],
]

for (const [verb, when, found] of points)
  runnerTest(
    t,
    `a runner that is killed ${when} loses nothing, and runs it once`,
    async (t, { server, home, start }) => {
      const earlier = await EarlierProcess.start(home)
      const gate = home.machine.gate(verb)
      const id = await server.submit({ command: ['say:one', 'exit:3'] })
      await earlier.takeOne()
      await gate.reached
      gate.abandon()
      await earlier.crash()
      const runner = start()
      t.match(await runner.event('runner:recovered'), { ...found, finished: 0 })
      t.match(await server.ended(id), { state: 'failed', reason: 'exit-status', exit_code: 3, attempt: 1 })
      t.equal(await server.log(id), 'one')
      await nothingIsLeft(t, home, runner)
    },
  )

runnerTest(t, 'a job that runs is taken up, and its log goes on', async (t, { server, home, start }) => {
  const earlier = await EarlierProcess.start(home)
  const id = await server.submit({ command: ['say:one', 'hold:it', 'say:two', 'exit:3'] })
  await earlier.takeOne()
  await home.machine.reached('it')
  await earlier.crash()
  const runner = start()
  t.match(await runner.event('runner:recovered'), { running: 1, waiting: 0, removed: 0 })
  home.machine.release('it')
  t.match(await server.ended(id), { state: 'failed', exit_code: 3, attempt: 1 })
  t.equal(await server.log(id), 'onetwo')
  t.equal(home.machine.calls.filter(call => call === 'start').length, 1)
})

runnerTest(
  t,
  'a job whose slot has ended meanwhile may have run, and is not run again',
  async (t, { server, home, start }) => {
    const earlier = await EarlierProcess.start(home)
    const id = await server.submit({ command: ['say:one', 'hold:it'] })
    await earlier.takeOne()
    await home.machine.reached('it')
    await earlier.crash()
    home.machine.crash()
    start()
    t.match(await server.ended(id), { state: 'failed', reason: 'executor-lost', attempt: 1 })
    t.equal(await server.log(id), 'one')
    t.equal(home.machine.calls.filter(call => call === 'start').length, 1)
  },
)

runnerTest(t, 'slots that belong to nothing are closed, bare ones too', async (t, { home, start }) => {
  for (const id of ['a', 'b']) mkdirSync(join(home.machine.slots, id.repeat(32)))
  const runner = await start().ready()
  t.match(await runner.event('runner:recovered'), { running: 0, removed: 2 })
  await nothingIsLeft(t, home, runner)
})

runnerTest(
  t,
  'a backend that is away is waited for, and then a job goes on',
  async (t, { server, home, start }) => {
    const earlier = await EarlierProcess.start(home)
    const id = await server.submit({ command: ['say:one', 'hold:it', 'say:two'] })
    await earlier.takeOne()
    await home.machine.reached('it')
    await earlier.crash()
    home.machine.fail('probe', { reason: 'engine-unreachable', message: 'it is away', retry: 'when-back' }, 1)
    home.machine.fail('recover', { reason: 'engine-timeout', message: 'it is slow', retry: 'when-back' }, 1)
    const runner = start()
    await runner.event('engine:failed', ({ message }) => message === 'it is away')
    home.machine.release('it')
    t.match(await server.ended(id), { state: 'succeeded', error_message: null, attempt: 1 })
    t.equal(await server.log(id), 'onetwo')
  },
)

/** Neither a slot nor a file of a job is there, once the runner has stopped. */
async function nothingIsLeft(t: Test, home: RunnerHome, runner: FakeRunner): Promise<void> {
  t.equal(await runner.stop(), 'stopped')
  t.same([...readdirSync(home.machine.slots), ...readdirSync(home.spool)], [])
}
