import t from 'tap'
import type { Context } from '../../src/server/context.ts'
import { dispatch } from '../../src/server/dispatch.ts'
import { patchGroup } from '../../src/server/groups.ts'
import type { Metrics } from '../../src/server/metrics.ts'
import type { Waiter } from '../../src/server/polls.ts'
import { patchRunner } from '../../src/server/runners.ts'
import { submitScript } from '../../src/server/scripts.ts'
import type { Store, WriteOptions } from '../../src/server/store/store.ts'
import { serveWaiters } from '../../src/server/waiting-runners.ts'
import { makeContext } from '../support/context.ts'
import { onEachWorld } from '../support/server-world.ts'

t.setTimeout(120_000)

const idsOf = (reservations: { execution_id: string }[]) => reservations.map(one => one.execution_id)
const group = (name: string, capabilities: string[] = []) => ({
  said: { capabilities, runner_group: name, taints: [], metadata: {} },
})

onEachWorld(t, 'work goes out by priority and then age, as much as is asked for', async (t, world) => {
  const runner = await world.addRunner()
  const ids: string[] = []
  for (const priority of [0, 1, 0, 1]) {
    ids.push(await world.submit({ priority }))
    world.pass(1)
  }
  t.same(idsOf(await world.reserve(runner, 3)), [ids[1], ids[3], ids[0]])
  t.same(idsOf(await world.reserve(runner, 9)).toSorted(), ids.toSorted())
})

t.test('for a runner that asks for a thousand no thousand is read ahead', async t => {
  let heads: number | undefined
  const store = {
    write: async (_: unknown, options: WriteOptions) => {
      heads = options.heads
    },
  } as unknown as Store
  const serve = serveWaiters(store, makeContext() as Context, {} as Metrics)
  const turn = (slots: number) => ({ waiter: { slots } as Waiter, again: false, changed: false })
  await serve([turn(1), turn(4)], false)
  t.equal(heads, 5)
  await serve([turn(1000), turn(4)], false)
  t.equal(heads, 12)
})

onEachWorld(t, 'a reservation says all that a runner needs, its secrets sealed for it', async (t, world) => {
  const runner = await world.addRunner()
  const id = await world.submit({
    image: 'img',
    command: ['a'],
    args: ['b'],
    env: { A: 'open' },
    secret_env: { S: 'hidden' },
    max_time_seconds: 7,
    abort_signal: 'SIGABRT',
  })
  const [reservation] = await world.reserve(runner)
  t.match(reservation, {
    execution_id: id,
    group: id,
    attempt: 1,
    kind: 'command',
    image: 'img',
    command: ['a'],
    args: ['b'],
    env: { A: 'open' },
    input: null,
    max_time_seconds: 7,
    abort_signal: 'SIGABRT',
    abort_timeout_seconds: 30,
    confirm_within_seconds: 30,
  })
  t.notMatch(JSON.stringify(reservation), /hidden/)
  t.match(await world.execution(id), { state: 'reserved', runner_id: runner.id, node_name: 'one' })
})

onEachWorld(t, 'a runner never holds more than its capacity, scripts among it', async (t, world) => {
  const runner = await world.addRunner({ set: { capacity: 3 }, ...group('default', ['remote-script']) })
  for (let count = 0; count < 5; count++) await world.submit()
  const script = { image: 'x', command: ['true'], runner_id: runner.id }
  t.ok((await world.write(tx => submitScript(tx, world.ctx, script))).ok)
  const first = await world.reserve(runner, 10)
  t.equal(first.length, 2)
  for (const reservation of first) await world.confirm(runner, reservation)
  t.same(await world.reserve(runner, 10), [])
  await world.result(runner, first[0]!)
  t.equal((await world.reserve(runner, 10)).length, 1)
})

onEachWorld(t, 'what was not confirmed is handed out first, under the same lease', async (t, world) => {
  const runner = await world.addRunner()
  await world.submit()
  const [first] = await world.reserve(runner)
  t.same(await world.reserve(runner, 1, true), [], 'not to one that has only waited')
  await world.submit({ priority: 9 })
  world.pass(10)
  const again = await world.reserve(runner, 1)
  t.same(again, [{ ...first, confirm_within_seconds: 20 }])
})

onEachWorld(
  t,
  'what an older process had reserved goes back to the queue at once, without blame',
  async (t, world) => {
    const runner = await world.addRunner()
    await world.submit()
    const [first] = await world.reserve(runner)
    const later = { ...runner, session: 2 }
    await world.write(async tx => tx.putRunner({ ...(await tx.runner(runner.id))!, session: 2 }))
    t.same(await world.reserve(runner), [], 'nothing for a session that is over')
    const [second] = await world.reserve(later)
    t.equal(second?.execution_id, first!.execution_id)
    t.not(second?.lease_id, first!.lease_id)
    t.match(await world.execution(first!.execution_id), { unconfirmed: 0, session: 2 })
  },
)

onEachWorld(t, 'work goes only to runners of its group with all its capabilities', async (t, world) => {
  const other = await world.addRunner(group('other', ['gpu', 'big']))
  const weak = await world.addRunner(group('default', ['gpu']))
  const strong = await world.addRunner(group('default', ['big', 'gpu', 'more']))
  const id = await world.submit({ capabilities: ['gpu', 'big'] })
  t.same(await world.reserve(other), [])
  t.same(await world.reserve(weak), [])
  t.same(idsOf(await world.reserve(strong)), [id])
})

onEachWorld(
  t,
  'a runner that is disabled, tainted, draining or standing by gets nothing, and gives back',
  async (t, world) => {
    const runner = await world.addRunner()
    const id = await world.submit()
    const patch = (set: object) => world.write(tx => patchRunner(tx, world.ctx, runner.id, set))
    for (const [hinder, free] of [
      [() => patch({ enabled: false }), () => patch({ enabled: true })],
      [() => patch({ taints: ['broken'] }), () => patch({ taints: [] })],
      [() => world.heartbeat(runner, [], { state: 'draining' }), () => world.heartbeat(runner)],
    ] as const) {
      t.same(idsOf(await world.reserve(runner)), [id])
      await hinder()
      t.same(await world.reserve(runner), [])
      t.match(await world.execution(id), { state: 'queued', runner_id: null })
      await free()
    }
  },
)

onEachWorld(t, 'in a group with a leader only the leader gets work', async (t, world) => {
  const leader = await world.addRunner()
  world.pass(1)
  const standby = await world.addRunner()
  await world.write(tx => patchGroup(tx, world.ctx, 'default', { mode: 'leader' }))
  const id = await world.submit()
  t.same(await world.reserve(standby), [])
  t.same(idsOf(await world.reserve(leader)), [id])
})

onEachWorld(
  t,
  'a poisoned execution fails by itself, and the others go on (go-gitea#37586)',
  async (t, world) => {
    const runner = await world.addRunner({ set: { capacity: 2 } })
    const ids: string[] = []
    for (let count = 0; count < 4; count++) ids.push(await world.submit())
    await world.write(async tx => {
      const { group, body } = (await tx.definition(ids[0]!))!
      tx.putDefinition({ group, body, sealed: 'AAAA' })
      tx.putExecution({ ...(await tx.execution(ids[1]!))!, group: 'gone' })
    })
    t.same(idsOf(await world.reserve(runner, 2)), [ids[2], ids[3]])
    t.match(await world.execution(ids[0]!), {
      state: 'failed',
      reason: 'definition-unreadable',
      runner_id: null,
      error_message: /key of this server/,
    })
    t.match(await world.execution(ids[1]!), { state: 'failed', reason: 'definition-missing' })
  },
)

onEachWorld(
  t,
  'many who wait are served together, each execution once, and work spreads',
  async (t, world) => {
    const runners = []
    for (let count = 0; count < 150; count++) runners.push(await world.addRunner())
    const ids = new Set<string>()
    for (let count = 0; count < 200; count++) ids.add(await world.submit())
    const asking = runners.map(({ id, session }) => ({ runner_id: id, session, slots: 2 }))
    const given = await world.write(tx => dispatch(tx, world.ctx, asking))
    const handed = [...given.values()].flat()
    t.equal(handed.length, 200)
    t.same(new Set(idsOf(handed)), ids)
    t.ok([...given.values()].every(reservations => reservations.length <= 2))
  },
)

onEachWorld(
  t,
  'a runner that confirms nothing is passed over for longer and longer (buildkite/agent#821)',
  async (t, world) => {
    const runner = await world.addRunner({ free_slots: null })
    const id = await world.submit()
    const miss = async () => {
      t.equal((await world.reserve(runner)).length, 1)
      await world.wait(30)
      await world.heartbeat(runner)
      return (await world.runner(runner.id)).unhealthy_until
    }
    t.equal(await miss(), null)
    t.equal(await miss(), null)
    const pauses = []
    for (let misses = 3; misses <= 9; misses++) {
      const pause = ((await miss()) ?? 0) - world.clock.wall
      pauses.push(pause / 60_000)
      t.same(await world.reserve(runner), [])
      for (let left = pause; left > 0; left -= 30_000) {
        await world.wait(30)
        await world.heartbeat(runner)
      }
    }
    t.same(pauses, [1, 2, 4, 8, 15, 15, 15])
    await miss()
    t.match(await world.execution(id), { state: 'failed', reason: 'never-confirmed', unconfirmed: 10 })
  },
)

onEachWorld(t, 'a confirm makes up for what was missed', async (t, world) => {
  const runner = await world.addRunner()
  await world.submit()
  for (let misses = 0; misses < 2; misses++) {
    await world.reserve(runner)
    await world.wait(30)
    await world.heartbeat(runner)
  }
  t.equal((await world.runner(runner.id)).misses, 2)
  const [reservation] = await world.reserve(runner)
  await world.confirm(runner, reservation!)
  t.match(await world.runner(runner.id), { misses: 0, unhealthy_until: null })
})

onEachWorld(t, 'who waits is told when something is queued, and when a slot is free', async (t, world) => {
  const runner = await world.addRunner()
  const told = async (work: () => Promise<unknown>) => {
    world.topics.length = 0
    await work()
    await new Promise(setImmediate)
    return world.topics
  }
  t.match(await told(() => world.submit()), [{ about: 'queue', queue: 'default ' }])
  const [reservation] = await world.reserve(runner)
  await world.confirm(runner, reservation!)
  const topics = await told(() => world.result(runner, reservation!))
  t.ok(topics.some(topic => topic.about === 'slot' && topic.runner_id === runner.id))
  t.ok(topics.some(topic => topic.about === 'execution' && topic.id === reservation!.execution_id))
})
