import t, { type Test } from 'tap'
import type { Slot } from '../../../src/remote/executors/executor.ts'
import { Placement } from '../../../src/remote/job/placement.ts'
import { SlotPool } from '../../../src/remote/pool/pool.ts'
import { FakeJobRig } from '../../support/fake-job.ts'
import { settled } from '../../support/manual-clock.ts'

const settings = { capacity: 1, eviction_time_seconds: 60, max_jobs_per_executor: 100 }
const { signal } = new AbortController()

function placementTest(
  title: string,
  body: (
    t: Test,
    rig: FakeJobRig,
    pool: SlotPool,
    make: () => { placement: Placement; slots: (Slot | undefined)[] },
  ) => Promise<void>,
) {
  return t.test(title, async t => {
    const rig = new FakeJobRig(t)
    const { backend, edges } = rig
    const pool = new SlotPool({ backend, settings, edges })
    const make = () => {
      const slots: (Slot | undefined)[] = []
      const placement = new Placement({
        startable: { runtime: { backend, pool }, problem: undefined },
        edges,
        execution: rig.execution(['say:x'], { reuse_key: 'a' }),
        onPull: () => {},
        onSlot: slot => slots.push(slot),
      })
      return { placement, slots }
    }
    await body(t, rig, pool, make)
    pool.giveUp()
  })
}

placementTest(
  'where no slot is idle, nothing is opened before the job is confirmed',
  async (t, rig, _pool, make) => {
    const { placement, slots } = make()
    placement.begin(signal)
    await settled()
    t.same(rig.machine.calls, ['prepare'])
    t.equal((await placement.place(signal)).ok, true)
    t.same(rig.machine.calls, ['prepare', 'open', 'place'])
    t.equal(slots.length, 1)
  },
)

placementTest(
  'an idle slot gets the job while it is confirmed, and has it no more where that fails',
  async (t, rig, pool, make) => {
    const first = make().placement
    const placed = await first.place(signal)
    if (!placed.ok) throw new Error(placed.failure.message)
    await placed.value.placed.takeBack()
    pool.putBack(placed.value.slot)
    const { placement, slots } = make()
    placement.begin(signal)
    await placement.undo()
    t.same(rig.machine.calls.slice(-2), ['place', 'takeBack'])
    t.same([slots.length, slots.at(-1)], [2, undefined])
    t.same(
      pool.slots.map(({ state }) => state),
      ['idle'],
    )
  },
)

placementTest('a slot in which something is left of a job has to go', async (t, rig, pool, make) => {
  const { placement } = make()
  const stop = new AbortController()
  const gate = rig.machine.gate('place')
  const placing = placement.place(stop.signal)
  await gate.reached
  stop.abort()
  rig.machine.fail('takeBack', { reason: 'executor-lost', message: 'busy', retry: 'soon' }, 1)
  gate.open()
  t.equal((await placing).ok, false)
  await settled()
  t.same(pool.slots, [])
  t.ok(rig.machine.calls.includes('close'))
})

placementTest(
  'a pull that takes long ends for the job that is not wanted any more',
  async (t, rig, _pool, make) => {
    const gate = rig.machine.gate('prepare')
    const stop = new AbortController()
    const placing = make().placement.place(stop.signal)
    await gate.reached
    stop.abort()
    t.equal((await placing).ok, false)
    gate.open()
    t.notOk(rig.machine.calls.includes('open'))
  },
)
