import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemChance } from '../../../src/edges.ts'
import type { Failure, Prepared, Slot } from '../../../src/remote/executors/executor.ts'
import { FakeBackend } from '../../../src/remote/executors/fake/backend.ts'
import { FakeMachine } from '../../../src/remote/executors/fake/machine.ts'
import type { PoolSettings } from '../../../src/remote/pool/policy.ts'
import { SlotPool } from '../../../src/remote/pool/pool.ts'
import type { Result } from '../../../src/result.ts'
import { ManualClock, settled } from '../../support/manual-clock.ts'

const { signal } = new AbortController()
const box: Prepared = { key: 'box' }
const refused: Failure = { reason: 'executor-lost', message: 'it is busy', retry: 'soon' }

interface Parts {
  clock: ManualClock
  machine: FakeMachine
  pool: SlotPool
  left: string[]
  states(): string[]
  opened(): number
}

const settings: PoolSettings = { capacity: 2, eviction_time_seconds: 60, max_jobs_per_executor: 100 }

function poolTest(title: string, body: (t: Test, parts: Parts) => Promise<void>, changes = {}) {
  return t.test(title, async t => {
    const clock = new ManualClock()
    const machine = new FakeMachine(join(t.testdir({}), 'machine'), clock)
    const left: string[] = []
    const backend = new FakeBackend(machine)
    const edges = { clock, chance: systemChance }
    const pool = new SlotPool({
      backend,
      settings: { ...settings, ...changes },
      edges,
      onLeft: message => left.push(message),
    })
    const count = (verb: string) => machine.calls.filter(call => call === verb).length
    const states = () => pool.slots.map(({ state }) => state)
    await body(t, { clock, machine, pool, left, states, opened: () => count('open') })
    pool.giveUp()
    await pool[Symbol.asyncDispose]()
  })
}

const slotOf = (taken: Result<Slot, Failure>): Slot => {
  if (taken.ok) return taken.value
  throw new Error(taken.failure.message)
}

poolTest('a slot is used again in its domain, and in no other', async (t, { pool, opened, states }) => {
  const first = slotOf(await pool.take(box, 'g', 'a', signal))
  pool.giveBack(first.ref)
  await settled()
  t.same(states(), ['idle'])
  t.equal(pool.takeIdle(box, 'b'), undefined)
  t.equal(slotOf(await pool.take(box, 'g', 'a', signal)), first)
  t.equal(opened(), 1)
})

poolTest('a slot without a domain is for one job', async (t, { pool, states }) => {
  const slot = slotOf(await pool.take(box, 'g', undefined, signal))
  t.equal(slot.reusable, false)
  pool.giveBack(slot.ref)
  await settled()
  t.same(states(), [])
})

poolTest(
  'who finds no room waits for it, and an idle slot of another image makes room',
  async (t, { pool, opened }) => {
    const slots = await Promise.all([pool.take(box, 'g', 'a', signal), pool.take(box, 'g', 'a', signal)])
    const third = pool.take({ key: 'other' }, 'g', 'a', signal)
    await settled()
    t.equal(opened(), 2)
    pool.giveBack(slotOf(slots[0]!).ref)
    await settled()
    t.equal((await third).ok, true)
    t.equal(opened(), 3)
    t.equal(pool.freeSlots, 0)
  },
)

poolTest('a wait for room ends with its signal', async (t, { pool }) => {
  await Promise.all([pool.take(box, 'g', 'a', signal), pool.take(box, 'g', 'a', signal)])
  const stop = new AbortController()
  const third = pool.take(box, 'g', 'a', stop.signal)
  stop.abort()
  t.match(await third, { ok: false, failure: { reason: 'executor-not-started' } })
})

poolTest('an idle slot is closed when its time is over', async (t, { pool, clock, states }) => {
  const slot = slotOf(await pool.take(box, 'g', 'a', signal))
  pool.giveBack(slot.ref)
  await clock.pass(59)
  t.same(states(), ['idle'])
  await clock.pass(2)
  t.same(states(), [])
  t.equal(slot.alive, false)
})

poolTest(
  'a slot that was spoiled, or is dead, gets no second job',
  async (t, { pool, machine, states, opened }) => {
    const slot = slotOf(await pool.take(box, 'g', 'a', signal))
    machine.fail('clean', refused, 1)
    pool.giveBack(slot.ref)
    await settled()
    t.same(states(), [])
    const second = slotOf(await pool.take(box, 'g', 'a', signal))
    pool.giveBack(second.ref)
    await settled()
    machine.killSlot(second.ref.id)
    t.not(slotOf(await pool.take(box, 'g', 'a', signal)), second)
    t.equal(opened(), 3)
  },
)

poolTest('a slot that was not used is put back as it was', async (t, { pool, states, machine }) => {
  const slot = slotOf(await pool.take(box, 'g', 'a', signal))
  pool.putBack(slot)
  t.same(states(), ['idle'])
  t.notOk(machine.calls.includes('clean'))
})

poolTest(
  'closing is tried again, longer each time, and takes a place meanwhile',
  async (t, { pool, machine, clock, states }) => {
    const slot = slotOf(await pool.take(box, 'g', 'a', signal))
    machine.fail('close', refused, 3)
    const gone = pool.discard(slot.ref)
    await clock.pass(6.9)
    t.same(states(), ['stopping'])
    t.equal(pool.freeSlots, 1)
    await clock.pass(0.2)
    await gone
    t.same(states(), [])
  },
)

poolTest('files that are left are told of, and take no place', async (t, { pool, machine, left, states }) => {
  const slot = slotOf(await pool.take(box, 'g', 'a', signal))
  machine.fail('close', { ...refused, reason: 'files-left', message: 'files are left' }, 1)
  await pool.discard(slot.ref)
  t.same([left, states()], [['files are left'], []])
})

poolTest('a slot that could not be opened leaves its place free', async (t, { pool, machine }) => {
  machine.fail('open', { ...refused, reason: 'executor-not-started' }, 1)
  t.match(await pool.take(box, 'g', 'a', signal), { ok: false, failure: { message: 'it is busy' } })
  t.equal(pool.freeSlots, 2)
})

poolTest(
  'a pool that is closed closes idle slots, and leaves those that are busy',
  async (t, { pool, machine, states }) => {
    const busy = slotOf(await pool.take(box, 'g', 'a', signal))
    const idle = slotOf(await pool.take(box, 'g', 'a', signal))
    pool.giveBack(idle.ref)
    await settled()
    await pool[Symbol.asyncDispose]()
    t.same([busy.alive, idle.alive], [true, false])
    t.same(states(), ['busy'])
    t.equal((await pool.take(box, 'g', 'a', signal)).ok, false)
    t.equal(machine.calls.filter(call => call === 'close').length, 1)
  },
)
