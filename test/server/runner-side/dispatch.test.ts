import t from 'tap'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { submitScript } from '../../../src/server/operator-side/script.ts'
import { dispatch } from '../../../src/server/runner-side/dispatch.ts'
import { scriptBy } from '../../support/server-caller.ts'
import { onEachStore } from '../../support/server-rig.ts'

t.setTimeout(360_000)

const idsOf = (reservations: { execution_id: string }[]) => reservations.map(one => one.execution_id)

const group = (name: string, capabilities: string[] = []) => ({
  said: { capabilities, runner_group: name, taints: [], metadata: {} },
})

onEachStore(t, 'work goes out by priority and then age, as much as is asked for', async (t, rig) => {
  const runner = await rig.addRunner()
  const ids: string[] = []
  for (const priority of [0, 1, 0, 1]) {
    ids.push(await rig.submit({ priority }))
    rig.pass(1)
  }
  t.same(idsOf(await rig.reserve(runner, 3)), [ids[1], ids[3], ids[0]])
  t.same(idsOf(await rig.reserve(runner, 9)).toSorted(), ids.toSorted())
})

onEachStore(t, 'a reservation says all that a runner needs, its secrets sealed for it', async (t, rig) => {
  const runner = await rig.addRunner()
  const id = await rig.submit({
    image: 'img',
    command: ['a'],
    args: ['b'],
    env: { A: 'open' },
    secret_env: { S: 'hidden' },
    max_time_seconds: 7,
    abort_signal: 'SIGABRT',
  })
  const [reservation] = await rig.reserve(runner)
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
  t.match(await rig.execution(id), { state: 'reserved', runner_id: runner.id, node_name: 'one' })
})

onEachStore(t, 'a runner never holds more than its capacity, scripts among it', async (t, rig) => {
  const runner = await rig.addRunner({ set: { capacity: 3 }, ...group('default', ['remote-script']) })
  for (let count = 0; count < 5; count++) await rig.submit()
  const script = { image: 'x', command: ['true'], runner_id: runner.id }
  t.ok((await rig.write(tx => submitScript(tx, rig.ctx, script, scriptBy()))).ok)
  const first = await rig.reserve(runner, 10)
  t.equal(first.length, 2)
  for (const reservation of first) await rig.confirm(runner, reservation)
  t.same(await rig.reserve(runner, 10), [])
  await rig.result(runner, first[0]!)
  t.equal((await rig.reserve(runner, 10)).length, 1)
})

onEachStore(t, 'what was not confirmed is handed out first, under the same lease', async (t, rig) => {
  const runner = await rig.addRunner()
  await rig.submit()
  const [first] = await rig.reserve(runner)
  t.same(await rig.reserve(runner, 1, true), [], 'not to one that has only waited')
  await rig.submit({ priority: 9 })
  rig.pass(10)
  const again = await rig.reserve(runner, 1)
  t.same(again, [{ ...first, confirm_within_seconds: 20 }])
})

onEachStore(
  t,
  'what an older process had reserved goes back to the queue at once, without blame',
  async (t, rig) => {
    const runner = await rig.addRunner()
    await rig.submit()
    const [first] = await rig.reserve(runner)
    const later = { ...runner, session: 2 }
    await rig.write(async tx => tx.putRunner({ ...(await tx.runner(runner.id))!, session: 2 }))
    t.same(await rig.reserve(runner), [], 'nothing for a session that is over')
    const [second] = await rig.reserve(later)
    t.equal(second?.execution_id, first!.execution_id)
    t.equal(second?.lease_id, first!.lease_id, 'a lease follows from execution, attempt and runner')
    t.match(await rig.execution(first!.execution_id), { unconfirmed: 0, session: 2 })
  },
)

onEachStore(t, 'work goes only to runners of its group with all its capabilities', async (t, rig) => {
  const other = await rig.addRunner(group('other', ['gpu', 'big']))
  const weak = await rig.addRunner(group('default', ['gpu']))
  const strong = await rig.addRunner(group('default', ['big', 'gpu', 'more']))
  const id = await rig.submit({ capabilities: ['gpu', 'big'] })
  t.same(await rig.reserve(other), [])
  t.same(await rig.reserve(weak), [])
  t.same(idsOf(await rig.reserve(strong)), [id])
})

onEachStore(
  t,
  'a runner that is disabled, tainted, draining or standing by gets nothing, and gives back',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const id = await rig.submit()
    const patch = (set: object) => rig.write(tx => patchRunner(tx, rig.ctx, runner.id, set))
    for (const [hinder, free] of [
      [() => patch({ enabled: false }), () => patch({ enabled: true })],
      [() => patch({ taints: ['broken'] }), () => patch({ taints: [] })],
      [() => rig.heartbeat(runner, [], { state: 'draining' }), () => rig.heartbeat(runner)],
    ] as const) {
      t.same(idsOf(await rig.reserve(runner)), [id])
      await hinder()
      t.same(await rig.reserve(runner), [])
      t.match(await rig.execution(id), { state: 'queued', runner_id: null })
      await free()
    }
  },
)

onEachStore(t, 'in a group with a leader only the leader gets work', async (t, rig) => {
  const leader = await rig.addRunner()
  rig.pass(1)
  const standby = await rig.addRunner()
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  const id = await rig.submit()
  t.same(await rig.reserve(standby), [])
  t.same(idsOf(await rig.reserve(leader)), [id])
})

onEachStore(
  t,
  'a poisoned execution fails by itself, and the others go on (go-gitea#37586)',
  async (t, rig) => {
    const runner = await rig.addRunner({ set: { capacity: 2 } })
    const ids: string[] = []
    for (let count = 0; count < 4; count++) ids.push(await rig.submit())
    await rig.write(async tx => {
      const { group, body } = (await tx.definition(ids[0]!))!
      tx.putDefinition({ group, body, sealed: 'AAAA' })
      tx.putExecution({ ...(await tx.execution(ids[1]!))!, group: 'gone' })
    })
    t.same(idsOf(await rig.reserve(runner, 2)), [ids[2], ids[3]])
    t.match(await rig.execution(ids[0]!), {
      state: 'failed',
      reason: 'definition-unreadable',
      runner_id: null,
      error_message: /key of this server/,
    })
    t.match(await rig.execution(ids[1]!), { state: 'failed', reason: 'definition-missing' })
  },
)

onEachStore(t, 'many who wait are served together, each execution once, and work spreads', async (t, rig) => {
  const runners = []
  for (let count = 0; count < 150; count++) runners.push(await rig.addRunner())
  const ids = new Set<string>()
  for (let count = 0; count < 200; count++) ids.add(await rig.submit())
  const asking = runners.map(({ id, session }) => ({ runner_id: id, session, slots: 2 }))
  const given = await rig.write(tx => dispatch(tx, rig.ctx, asking))
  const handed = [...given.values()].flat()
  t.equal(handed.length, 200)
  t.same(new Set(idsOf(handed)), ids)
  t.ok([...given.values()].every(reservations => reservations.length <= 2))
})

onEachStore(
  t,
  'a runner that confirms nothing is passed over for longer and longer (buildkite/agent#821)',
  async (t, rig) => {
    const runner = await rig.addRunner({ free_slots: null })
    const id = await rig.submit()
    const miss = async () => {
      t.equal((await rig.reserve(runner)).length, 1)
      await rig.wait(30)
      await rig.heartbeat(runner)
      return (await rig.runner(runner.id)).unhealthy_until
    }
    t.equal(await miss(), null)
    t.equal(await miss(), null)
    const pauses = []
    for (let misses = 3; misses <= 9; misses++) {
      const pause = ((await miss()) ?? 0) - rig.clock.wall
      pauses.push(pause / 60_000)
      t.same(await rig.reserve(runner), [])
      for (let left = pause; left > 0; left -= 30_000) {
        await rig.wait(30)
        await rig.heartbeat(runner)
      }
    }
    t.same(pauses, [1, 2, 4, 8, 15, 15, 15])
    await miss()
    t.match(await rig.execution(id), { state: 'failed', reason: 'never-confirmed', unconfirmed: 10 })
  },
)

onEachStore(t, 'who waits is told when something is queued, and when a slot is free', async (t, rig) => {
  const runner = await rig.addRunner()
  const told = async (work: () => Promise<unknown>) => {
    rig.topics.length = 0
    await work()
    await new Promise(setImmediate)
    return rig.topics
  }
  t.match(await told(() => rig.submit()), [{ about: 'queue', queue: 'default ' }])
  const [reservation] = await rig.reserve(runner)
  await rig.confirm(runner, reservation!)
  const topics = await told(() => rig.result(runner, reservation!))
  t.ok(topics.some(topic => topic.about === 'slot' && topic.runner_id === runner.id))
  t.ok(topics.some(topic => topic.about === 'execution' && topic.id === reservation!.execution_id))
})
