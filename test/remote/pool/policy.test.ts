import fc from 'fast-check'
import t from 'tap'
import {
  choose as chooseAt,
  type Expected,
  expired,
  freeSlots,
  mayStay,
  nextExpiry,
  type PooledSlot,
  type SlotState,
  type Wanted,
} from '../../../src/remote/pool/policy.ts'

const settings = { capacity: 2, eviction_time_seconds: 60, max_jobs_per_executor: 100 }
const slot = (slot_id: string, state: SlotState, more: Partial<PooledSlot> = {}): PooledSlot => ({
  slot_id,
  key: 'a',
  domain: 'k',
  state,
  jobs: 1,
  idle_since: 0,
  checking_since: 0,
  awaited: false,
  ...more,
})
const wanted = { key: 'a', domain: 'k' }
/** Chooses with no earlier observations. */
const choose = (slots: readonly PooledSlot[], wanted: Wanted, all: typeof settings) =>
  chooseAt(slots, wanted, all, 0, { start: 0, look_over: 0 })

t.test('a job takes an idle slot of its image and domain', async t => {
  t.same(choose([slot('1', 'busy'), slot('2', 'idle')], wanted, settings), { use: '2' })
  const two = [slot('1', 'idle', { idle_since: 5 }), slot('2', 'idle', { idle_since: 7 })]
  t.same(choose(two, wanted, settings), { use: '2' }, 'the latest used, so that the other can grow old')
})

t.test('an executor that has had a job is for others of its key, and without one for nobody', async t => {
  const used = [slot('1', 'idle', { domain: 'other' }), slot('2', 'idle', { domain: undefined })]
  t.same(choose(used, wanted, { ...settings, capacity: 3 }), { launch: true })
  t.same(choose(used, { ...wanted, domain: undefined }, { ...settings, capacity: 3 }), { launch: true })
  t.same(choose(used, wanted, settings), { evict: '2' })
  t.notOk(mayStay({ jobs: 1, domain: undefined }, settings))
})

t.test('one that is being looked over is waited for where it is expected sooner than a new one', async t => {
  const checking = slot('1', 'checking', { checking_since: 10 })
  const at = (now: number, expected: Expected, more: PooledSlot[] = [], job: Wanted = wanted) =>
    chooseAt([checking, ...more], job, settings, now, expected)
  const usual = { start: 2, look_over: 1 }
  t.same(at(10, usual), { expect: '1', seconds: 2 })
  t.same(at(10.5, usual), { expect: '1', seconds: 1.5 })
  t.same(at(12, usual), { launch: true }, 'it has taken as long as a new one would')
  t.same(at(10, { start: 1, look_over: 3 }), { launch: true })
  t.same(at(12.5, { start: 1, look_over: 3 }), { expect: '1', seconds: 0.5 }, 'it is nearly over')
  t.same(at(10, { start: 2, look_over: 0 }), { expect: '1', seconds: 2 }, 'none has been seen')
  t.same(at(10, { start: 2, look_over: Number.POSITIVE_INFINITY }), { launch: true }, 'the last one ended it')
  for (const job of [
    { ...wanted, domain: 'other' },
    { ...wanted, key: 'b' },
    { ...wanted, domain: undefined },
  ])
    t.same(at(10, usual, [], job), { launch: true }, 'it is not for this job')
  checking.awaited = true
  t.same(at(10, usual), { launch: true }, 'another job waits for it')
  const later = slot('2', 'checking', { checking_since: 10.5 })
  t.same(at(11, usual, [later]), { expect: '2', seconds: 1.5 })
  t.same(at(11, usual, [later, slot('3', 'busy')]), { wait: true }, 'too many live')
  checking.awaited = false
  t.same(at(10, usual, [slot('2', 'idle', { domain: 'other' })]), { expect: '1', seconds: 2 })
})

t.test(
  'whatever is expected, no job waits for a look-over for longer than that or a new executor takes',
  async _t => {
    const seconds = fc.double({ min: 0, max: 100, noNaN: true })
    fc.assert(
      fc.property(seconds, seconds, seconds, (start, look_over, taken) => {
        const choice = chooseAt([slot('1', 'checking')], wanted, settings, taken, { start, look_over })
        if (!('expect' in choice)) return
        if (choice.seconds <= 0) throw new Error('it would ask again at once')
        if (taken + choice.seconds > Math.max(start, look_over) + 1e-9) throw new Error('it waits too long')
        const then = chooseAt([slot('1', 'checking')], wanted, settings, taken + choice.seconds + 1e-9, {
          start,
          look_over,
        })
        if (!('launch' in then)) throw new Error('it waits again')
      }),
    )
  },
)

t.test('else a free place', async t => {
  t.same(choose([], wanted, settings), { launch: true })
  t.same(choose([slot('1', 'idle', { key: 'b' })], wanted, settings), { launch: true })
  t.same(choose([slot('1', 'idle', { domain: 'other' })], wanted, settings), { launch: true })
})

t.test('else the place of the idle one of something else that has been idle longest', async t => {
  const others = [
    slot('1', 'idle', { key: 'b', idle_since: 7 }),
    slot('2', 'idle', { key: 'c', idle_since: 5 }),
  ]
  t.same(choose(others, wanted, settings), { evict: '2' })
  const going = [others[0]!, slot('2', 'stopping', { key: 'c' })]
  t.same(choose(going, wanted, settings), { wait: true }, 'one is enough')
})

t.test('else it waits', async t => {
  t.same(choose([slot('1', 'busy'), slot('2', 'starting')], wanted, settings), { wait: true })
  t.same(choose([slot('1', 'busy'), slot('2', 'checking')], wanted, settings), { wait: true })
  t.same(choose([], wanted, { ...settings, capacity: 0 }), { wait: true })
})

t.test('idle ones go when their time is over, or when there are too many', async t => {
  const slots = [
    slot('1', 'idle', { idle_since: 0 }),
    slot('2', 'idle', { idle_since: 30 }),
    slot('3', 'busy'),
  ]
  t.same(expired(slots, 59, { ...settings, capacity: 3 }), [])
  t.same(expired(slots, 60, { ...settings, capacity: 3 }), ['1'])
  t.same(expired(slots, 0, { ...settings, capacity: 2 }), ['1'])
  t.same(expired(slots, 0, { ...settings, capacity: 0 }), ['1', '2'])
  t.equal(nextExpiry(slots, 10, settings), 50)
  t.equal(nextExpiry([slot('1', 'busy')], 10, settings), undefined)
})

t.test('an executor stays for as many jobs as it may, and with eviction time 0 for one', async t => {
  t.ok(mayStay({ jobs: 99, domain: 'k' }, settings))
  t.notOk(mayStay({ jobs: 100, domain: 'k' }, settings))
  t.notOk(mayStay({ jobs: 1, domain: 'k' }, { ...settings, eviction_time_seconds: 0 }))
})

t.test(
  'whatever is done in whatever order, no more live than may, and no job is kept from a free slot',
  async _t => {
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(5)), { maxLength: 60 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), steps, (capacity, steps) => {
        const all = { ...settings, capacity }
        let slots: PooledSlot[] = []
        let time = 0
        steps.forEach(([key, step], index) => {
          time++
          if (step < 3) {
            const free = freeSlots(slots, all)
            const choice = choose(slots, { key, domain: 'k' }, all)
            if ('use' in choice) slots.find(({ slot_id }) => slot_id === choice.use)!.state = 'busy'
            else if ('launch' in choice) slots.push(slot(String(index), 'busy', { key }))
            else if ('evict' in choice) slots = slots.filter(({ slot_id }) => slot_id !== choice.evict)
            else if (free > 0) throw new Error('it waits although a slot is free')
          } else {
            const busy = slots.find(({ state }) => state === 'busy')
            if (busy !== undefined) Object.assign(busy, { state: 'idle', idle_since: time })
          }
          if (slots.length > capacity) throw new Error('more than may live')
        })
      }),
    )
  },
)
