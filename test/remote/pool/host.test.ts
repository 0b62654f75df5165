import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemChance } from '../../../src/edges.ts'
import type { AttachEvent } from '../../../src/remote/events.ts'
import type { Facts, Failure } from '../../../src/remote/executors/executor.ts'
import { FakeBackend } from '../../../src/remote/executors/fake/backend.ts'
import { FakeMachine } from '../../../src/remote/executors/fake/machine.ts'
import { ExecutorHost } from '../../../src/remote/pool/host.ts'
import { Notifier } from '../../../src/system/wait.ts'
import { ManualClock, settled } from '../../support/manual-clock.ts'

const away: Failure = { reason: 'engine-unreachable', message: 'it is away', retry: 'when-back' }

interface Parts {
  clock: ManualClock
  machine: FakeMachine
  host: ExecutorHost
  events: AttachEvent[]
  names(): string[]
}

function hostTest(title: string, body: (t: Test, parts: Parts) => Promise<void>, facts: Partial<Facts> = {}) {
  return t.test(title, async t => {
    const clock = new ManualClock()
    const machine = new FakeMachine(join(t.testdir({}), 'machine'), clock, facts)
    const events: AttachEvent[] = []
    const over = new AbortController()
    const host = new ExecutorHost({
      backend: new FakeBackend(machine),
      maxJobsPerSlot: 10,
      wantsReuse: true,
      edges: { clock, chance: systemChance },
      emit: event => events.push(event),
      changed: new Notifier(),
      over: over.signal,
    })
    await body(t, { clock, machine, host, events, names: () => events.map(({ event }) => event) })
    over.abort()
    host.runtime?.pool.giveUp()
    await settled()
  })
}

hostTest('no job can be started before a probe has run', async (t, { clock, machine, host, names }) => {
  machine.fail('probe', away, 3)
  t.match(host.problem, /has not been tried yet/)
  const opening = host.open()
  await settled()
  t.equal(host.problem, 'it is away')
  t.equal(host.runtime, undefined)
  await clock.pass(60)
  t.not(await opening, undefined)
  t.not(host.problem, undefined, 'recovery comes first')
  t.same(names(), ['engine:failed'], 'it is told once')
  void host.watch()
  t.equal(host.problem, undefined)
  t.same(names(), ['engine:failed', 'engine:ready'])
})

hostTest(
  'a backend that goes away is a problem until it is back',
  async (t, { clock, machine, host, names }) => {
    await host.open()
    void host.watch()
    machine.fail('health', away)
    await clock.pass(21)
    t.equal(host.problem, 'it is away')
    t.not(host.runtime, undefined, 'jobs may still run there')
    machine.fail('health', undefined)
    await clock.pass(11)
    t.equal(host.problem, undefined)
    t.same(names(), ['engine:ready', 'engine:failed', 'engine:ready'])
  },
)

hostTest('a suspicion is looked into at once', async (t, { machine, host }) => {
  await host.open()
  void host.watch()
  host.suspect('a call took too long')
  await settled()
  t.equal(host.problem, undefined)
  t.equal(machine.calls.filter(call => call === 'health').length, 1)
})

hostTest('a slot that nobody knows is closed after a while', async (t, { clock, machine, host }) => {
  await host.open()
  void host.watch()
  mkdirSync(join(machine.slots, 'a'.repeat(32)))
  await clock.pass(290)
  t.notOk(machine.calls.includes('close'))
  await clock.pass(120)
  t.ok(machine.calls.includes('close'))
})

hostTest('strangers that may be of a newer release are left alone', async (t, { clock, machine, host }) => {
  await host.open()
  host.keepStrangers()
  void host.watch()
  mkdirSync(join(machine.slots, 'a'.repeat(32)))
  await clock.pass(1000)
  t.notOk(machine.calls.includes('close'))
})

hostTest(
  'a backend whose slots take one job alone says so once',
  async (t, { host, events }) => {
    await host.open()
    t.match(events, [{ event: 'notice', message: /each job gets .* of its own: it cannot tell changes/ }])
  },
  { once: 'it cannot tell changes' },
)

hostTest('the capacity that the server sets holds for a pool that is opened later', async (t, { host }) => {
  host.configure({ capacity: 3, eviction_time_seconds: 1 })
  const runtime = await host.open()
  t.equal(runtime?.pool.freeSlots, 3)
  host.configure({ capacity: 1, eviction_time_seconds: 1 })
  t.equal(runtime?.pool.freeSlots, 1)
})
