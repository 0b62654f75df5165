/* The steps of runners in a history of test/behaviour/server/model.test.ts. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ok } from '../../src/result.ts'
import { acceptResult } from '../../src/server/runner-side/accept-result.ts'
import { confirm } from '../../src/server/runner-side/confirm.ts'
import { type AskingRunner, dispatch } from '../../src/server/runner-side/dispatch.ts'
import { heartbeat } from '../../src/server/runner-side/heartbeat.ts'
import { leave } from '../../src/server/runner-side/leave.ts'
import { resultOf } from './messages.ts'
import { testId } from './rows.ts'
import { lease, type Model } from './server-model.ts'
import type { ModelExecution, ModelRunner } from './server-model-rows.ts'
import { pick, rowOf, runnerCount, step } from './server-model-step.ts'
import type { ServerRig } from './server-rig.ts'

const anyRunner = fc.record({
  runner: fc.nat(runnerCount - 1),
  /** An old session calls, or one that has just registered. */
  session: fc.constantFrom<'now' | 'old' | 'pending'>('now', 'now', 'now', 'now', 'pending', 'old'),
})
type AnyRunner = { runner: number; session: 'now' | 'old' | 'pending' }

function callerIn(model: Model, { runner: number, session: which }: AnyRunner) {
  const runner = model.runners[number]!
  const session =
    which === 'old'
      ? runner.session - 1
      : which === 'pending'
        ? (runner.pending ?? runner.session)
        : runner.session
  return { runner, session }
}

/** A new process of a runner registers; nothing changes before its first call. */
export const registers = step('register', fc.nat(runnerCount - 1), async (model, rig, number) => {
  const runner = model.runners[number]!
  if (runner.deleted) return
  runner.pending = Math.max(runner.session, runner.pending ?? 0) + 1
  const session = runner.pending
  await rig.write(async tx => {
    const row = (await tx.runner(runner.id))!
    const { name, version, said } = row
    const data_key = row.data_key!
    tx.putRunner({ ...row, pending: [{ session, token_id: 'token', data_key, name, version, said }] })
  })
})

/** Runners ask for work: the runner, the number of jobs, and whether the call has waited for a while. */
async function poll(model: Model, rig: ServerRig, asked: [AnyRunner, number, boolean][]): Promise<void> {
  const asking: (AskingRunner & { runner: ModelRunner })[] = []
  for (const [any, slots, again] of asked) {
    const { runner, session } = callerIn(model, any)
    const heard = await rig.call(runner.id, session, async () => ok(null))
    assert.equal(heard.ok, model.call(runner, session), 'whether the call is heard')
    if (!heard.ok) continue
    asking.push({ runner, runner_id: runner.id, session, slots, ...(again && { again }) })
    if (!again) model.asks(runner)
  }
  const given = await rig.write(tx => dispatch(tx, rig.ctx, asking))
  const leaders = await rig.store.read(tx => tx.listGroups({ limit: 10 }))
  for (const { name, leader_runner_id } of leaders) model.groups.get(name)!.leader = leader_runner_id

  const places = asking.map(({ runner, slots, again }) => {
    const may = model.mayTakeWork(runner)
    const mine = again ? [] : model.heldBy(runner.id).filter(one => one.state === 'reserved' && !one.script)
    const kept = mine.filter(one => may && one.session === runner.session)
    for (const one of mine.filter(one => !kept.includes(one))) model.giveBack(one)
    const repeated = kept.slice(0, slots)
    const free = Math.min(slots - repeated.length, runner.capacity - model.heldBy(runner.id).length)
    return { runner, repeated, free: may ? Math.max(0, free) : 0 }
  })
  const taken: [ModelExecution, ModelRunner][] = []
  for (const place of places) {
    const reservations = given.get(place.runner.id) ?? []
    const old = place.repeated.map(one => one.lease)
    assert.deepEqual(
      reservations
        .map(({ lease_id }) => lease_id)
        .filter(id => old.includes(id))
        .toSorted(),
      old.toSorted(),
      'what was not confirmed comes again',
    )
    for (const { group, attempt, lease_id } of reservations) {
      if (old.includes(lease_id)) continue
      const one = model.executions.find(one => one.group === group && one.attempt === attempt)!
      assert.equal(one.state, 'queued')
      assert.ok(model.suits(place.runner, one), 'it is meant for this runner')
      assert.ok(place.free-- > 0, 'not more than asked for, nor than its capacity')
      model.reserve(one, place.runner, lease_id)
      taken.push([one, place.runner])
    }
    if (reservations.length > old.length)
      assert.ok(model.heldBy(place.runner.id).length <= place.runner.capacity, 'never more than capacity')
  }
  for (const one of model.executions.filter(one => one.state === 'queued' && one.waits === null)) {
    const could = places.some(({ runner, free }) => free > 0 && model.suits(runner, one))
    assert.ok(!could, 'nothing stays queued that somebody could have')
    for (const [other, runner] of taken)
      if (model.suits(runner, one)) {
        const order = other.priority - one.priority
        const first = model.executions.indexOf(other) < model.executions.indexOf(one)
        const older = first || other.created <= one.created
        assert.ok(order > 0 || (order === 0 && older), 'the more urgent one goes first')
      }
  }
}

export const polls = step(
  'reserve',
  fc.uniqueArray(fc.tuple(anyRunner, fc.integer({ min: 1, max: 3 }), fc.boolean()), {
    minLength: 1,
    maxLength: runnerCount,
    selector: ([{ runner }]) => runner,
  }),
  poll,
)

async function confirmOne(
  model: Model,
  rig: ServerRig,
  one: ModelExecution,
  { runner, session }: ReturnType<typeof callerIn>,
): Promise<void> {
  const { id } = await rowOf(rig, one)
  const lease_id = one.lease ?? testId(99)
  const done = await rig.call(runner.id, session, (tx, caller) => confirm(tx, rig.ctx, caller, id, lease_id))
  assert.equal(done.ok, model.call(runner, session) && model.confirm(one, runner, lease_id))
}

/** A runner takes what it gets. */
async function work(model: Model, rig: ServerRig, any: AnyRunner): Promise<void> {
  await poll(model, rig, [[any, 3, false]])
  const caller = callerIn(model, any)
  for (const one of model.heldBy(caller.runner.id))
    if (one.state === 'reserved') await confirmOne(model, rig, one, caller)
}

export const works = step('work', anyRunner, work)

export const confirms = step(
  'confirm',
  fc.tuple(anyRunner, fc.nat()),
  async (model, rig, [any, number]) => {
    const one = pick(
      number,
      model.executions,
      ({ state, ended }) => state === 'reserved' || (state === 'lost' && !ended),
    )
    const runner =
      number % 7 === 0 || one.runner === null ? model.runners[any.runner]! : model.runner(one.runner)
    await confirmOne(model, rig, one, callerIn(model, { ...any, runner: model.runners.indexOf(runner) }))
  },
  model => model.executions.length > 0,
)

export const results = step(
  'result',
  fc.tuple(anyRunner, fc.nat(), fc.constantFrom('succeeded' as const, 'failed' as const, 'aborted' as const)),
  async (model, rig, [any, number, outcome]) => {
    const running = ({ state, ended }: ModelExecution) =>
      ['running', 'aborting', 'lost'].includes(state) && !ended
    const one = pick(number, model.executions, running)
    if (one.state === 'reserved') return
    const runner =
      number % 7 === 0 || one.runner === null ? model.runners[any.runner]! : model.runner(one.runner)
    const { session } = callerIn(model, { ...any, runner: model.runners.indexOf(runner) })
    const { id } = await rowOf(rig, one)
    const lease_id = one.lease ?? testId(99)
    const message = resultOf(lease_id, new Date(model.now), { outcome })
    const done = await rig.call(runner.id, session, (tx, caller) =>
      acceptResult(tx, rig.ctx, caller, id, message),
    )
    assert.equal(done.ok, model.call(runner, session) && model.finish(one, runner, lease_id, outcome))
  },
  model => model.executions.length > 0,
)

export const heartbeats = step(
  'heartbeat',
  fc.record({
    any: anyRunner,
    which: fc.nat(),
    forgets: fc.boolean(),
    stranger: fc.option(fc.nat(), { freq: 4 }),
    state: fc.constantFrom(...Array<'ready'>(7).fill('ready'), 'draining' as const),
    free: fc.nat(2),
    polling: fc.boolean(),
  }),
  async (model, rig, { any, which, forgets, stranger, state, free, polling }) => {
    const lost = (runner: ModelRunner) =>
      model.executions.some(one => one.runner === runner.id && one.state === 'lost' && !one.ended)
    const who = pick(which, model.runners, lost)
    const { runner, session } = callerIn(model, { ...any, runner: model.runners.indexOf(who) })
    const listed = model.executions.filter(
      one => one.runner === runner.id && one.confirms > 0 && !(forgets && one.priority === 1),
    )
    if (stranger !== null && model.executions.length > 0)
      listed.push(model.executions[stranger % model.executions.length]!)
    const ids = new Map<string, ModelExecution>()
    for (const one of listed) ids.set((await rowOf(rig, one)).id, one)
    const message = { state, executions: [...ids.keys(), testId(1)], executors: [], free_slots: free }
    const answer = await rig.call(runner.id, session, async (tx, caller) =>
      ok(await heartbeat(tx, rig.ctx, caller, message, { polling, clock_difference_seconds: null })),
    )
    assert.equal(answer.ok, model.call(runner, session), 'whether the call is heard')
    if (!answer.ok) return
    Object.assign(runner, { state, free, seenUntil: model.watched + lease })
    if (polling) runner.pollUntil = model.watched + lease
    const [leases, gone] = [[] as string[], [] as string[]]
    for (const [id, one] of ids)
      if (one.state === 'queued' && model.mayAdopt(one, runner)) {
        model.adopt(one, runner)
        leases.push(id)
      } else if (one.runner !== runner.id || one.ended) gone.push(id)
      else if (one.state !== 'reserved') {
        if (one.state === 'lost') model.comeBack(one)
        one.deadline = model.watched + lease
        leases.push(id)
      }
    for (const one of model.heldBy(runner.id))
      if (one.state === 'reserved' && !one.script && one.session !== session) model.giveBack(one)
    assert.deepEqual(Object.keys(answer.value.leases).toSorted(), leases.toSorted())
    assert.deepEqual(answer.value.gone.toSorted(), gone.toSorted())
    assert.deepEqual(answer.value.unknown, [testId(1)])
    const held = model.heldBy(runner.id)
    assert.equal(answer.value.abort.length, held.filter(one => one.state === 'aborting').length)
    const waiting = held.filter(one => one.script && one.state === 'reserved').map(one => one.group)
    assert.deepEqual(answer.value.scripts.map(one => one.group).toSorted(), waiting.toSorted())
  },
)

export const leaves = step(
  'leave',
  fc.tuple(anyRunner, fc.constantFrom(0, 200)),
  async (model, rig, [any, back]) => {
    const { runner, session } = callerIn(model, any)
    const done = await rig.call(runner.id, session, async (tx, caller) =>
      ok(await leave(tx, rig.ctx, caller, { back_within_seconds: back })),
    )
    assert.equal(done.ok, model.call(runner, session))
    if (!done.ok) return
    runner.state = 'left'
    for (const one of model.heldBy(runner.id))
      if (one.state !== 'reserved') one.deadline = Math.max(one.deadline!, model.watched + back * 1000)
      else if (!one.script) model.giveBack(one)
  },
)
