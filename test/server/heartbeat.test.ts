import t from 'tap'
import { ok } from '../../src/result.ts'
import { patchGroup } from '../../src/server/groups.ts'
import { channelState, heartbeat, leave } from '../../src/server/heartbeat.ts'
import { submitScript } from '../../src/server/scripts.ts'
import { testId } from '../support/server-rows.ts'
import { onEachWorld, type Place, sha256, type World } from '../support/server-world.ts'

t.setTimeout(120_000)

const leaving = (world: World, runner: Place, back_within_seconds: number) =>
  world.call(runner.id, runner.session, async (tx, caller) =>
    ok(await leave(tx, world.ctx, caller, { back_within_seconds })),
  )

onEachWorld(t, 'a heartbeat renews the leases of what it lists, and of nothing else', async (t, world) => {
  const runner = await world.addRunner()
  const [one, other] = [await world.start(runner), await world.start(runner)]
  world.pass(20)
  const answer = await world.heartbeat(runner, [one.execution_id])
  t.same(answer.leases, { [one.execution_id]: 60 })
  t.match(await world.execution(one.execution_id), { deadline: world.clock.wall + 60_000 })
  t.match(await world.execution(other.execution_id), { deadline: world.clock.wall + 40_000 })
  t.match(answer.settings, { capacity: 4, lease_seconds: 60, enabled: true })
})

onEachWorld(
  t,
  'a heartbeat brings back what was lost, and withdraws the attempt in its place (nomad#2185)',
  async (t, world) => {
    const runner = await world.addRunner()
    const { execution_id: id } = await world.start(runner, { retries: 1 })
    await world.wait(65)
    t.match(await world.attempts(id), [{ state: 'lost', reason: 'lease-ended' }, { state: 'queued' }])
    t.same((await world.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.match(await world.attempts(id), [
      { state: 'running', next_id: null, reason: null, error_message: null },
      { state: 'withdrawn', attempt: 2, reason: 'earlier-attempt-came-back' },
    ])
    await world.wait(65)
    t.match(await world.attempts(id), [
      { state: 'lost' },
      {},
      { state: 'queued', attempt: 3, retries_left: 0 },
    ])
  },
)

onEachWorld(t, 'a confirm that comes again brings back what was lost since, too', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner, { retries: 1 })
  await world.wait(65)
  t.ok((await world.confirm(runner, reservation)).ok)
  t.match(await world.attempts(reservation.execution_id), [
    { state: 'running', next_id: null },
    { state: 'withdrawn', previous_id: null },
  ])
})

onEachWorld(t, 'once the next attempt is reserved the one before it is gone', async (t, world) => {
  const [runner, other] = [await world.addRunner(), await world.addRunner()]
  const lost = await world.start(runner, { retries: 1 })
  await world.wait(65)
  t.equal((await world.reserve(other)).length, 1)
  t.same((await world.heartbeat(runner, [lost.execution_id])).gone, [lost.execution_id])
  t.match(await world.result(runner, lost), { failure: { reason: 'superseded' } })
  t.match(await world.log(runner, lost, 0, 'late'), { failure: { reason: 'superseded' } })
  t.match(await world.attempts(lost.execution_id), [
    { state: 'lost' },
    { state: 'reserved', previous_id: null },
  ])
})

onEachWorld(
  t,
  'without retries a lost execution is waited for as long as a result may be late',
  async (t, world) => {
    const runner = await world.addRunner()
    const { execution_id: id } = await world.start(runner)
    await world.wait(65)
    t.match(await world.attempts(id), [{ state: 'lost', finished_at: null }])
    world.pass(86_000)
    await world.sweeper.sweep()
    t.match(await world.execution(id), { state: 'lost', finished_at: null }, 'an outage moves it')
    await world.wait(600)
    t.match(await world.execution(id), { state: 'lost', finished_at: null }, 'by its length and one lease')
    await world.wait(65)
    t.match(await world.execution(id), { state: 'lost', finished_at: Number })
    t.same((await world.heartbeat(runner, [id])).gone, [id])
  },
  { late_result_seconds: 600 },
)

onEachWorld(t, 'what the server does not know is let run, what is not theirs is gone', async (t, world) => {
  const [runner, other] = [await world.addRunner(), await world.addRunner()]
  const { execution_id: foreign } = await world.start(other)
  const elsewhere = await world.submit({ runner_group: 'elsewhere' })
  const answer = await world.heartbeat(runner, [testId(5), foreign, elsewhere, foreign])
  t.same(answer.unknown, [testId(5)])
  t.same(answer.gone, [foreign, elsewhere])
})

onEachWorld(
  t,
  'what a runner holds and a restored backup has as queued goes on there, and is not handed out again',
  async (t, world) => {
    const [runner, other] = [await world.addRunner(), await world.addRunner()]
    const id = await world.submit()
    const lease_id = 'of the store that is no more'
    t.same((await world.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.match(await world.execution(id), { state: 'running', runner_id: runner.id })
    t.same(await world.reserve(other, 4), [])
    t.notOk((await world.confirm(other, { execution_id: id, lease_id })).ok)
    t.ok((await world.confirm(runner, { execution_id: id, lease_id })).ok)
    t.ok((await world.result(runner, { execution_id: id, lease_id })).ok)
    t.match(await world.execution(id), { state: 'succeeded', result: { lease_id } })
  },
)

onEachWorld(t, 'what is gone is on disk before its runner hears of it', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const synced = async () => {
    let times = 0
    const message = { state: 'ready' as const, executors: [], free_slots: 0 }
    await world.call(runner.id, runner.session, async (tx, caller) => {
      tx.durably = () => times++
      const listed = { ...message, executions: [reservation.execution_id] }
      return ok(
        await heartbeat(tx, world.ctx, caller, listed, { polling: false, clock_difference_seconds: 0 }),
      )
    })
    return times > 0
  }
  t.equal(await synced(), false)
  await world.result(runner, reservation)
  t.equal(await synced(), true)
})

onEachWorld(t, 'an abort is told in each heartbeat and on the channel until it is done', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const { execution_id: id } = reservation
  await world.abort(id)
  for (let times = 0; times < 2; times++) t.same((await world.heartbeat(runner, [id])).abort, [id])
  const state = await world.store.read(tx =>
    channelState(tx, world.ctx, { runner_id: runner.id, session: 1 }),
  )
  t.same(state.abort, [id])
  await world.result(runner, reservation, { outcome: 'aborted', exit_code: null })
  t.same((await world.heartbeat(runner, [])).abort, [])
})

onEachWorld(t, 'a script is told until it is confirmed', async (t, world) => {
  const said = { capabilities: ['remote-script'], runner_group: 'default', taints: [], metadata: {} }
  const runner = await world.addRunner({ said })
  await world.write(tx =>
    submitScript(tx, world.ctx, { image: 'x', command: ['date'], runner_id: runner.id }),
  )
  const [script] = (await world.heartbeat(runner)).scripts
  t.match(script, { kind: 'script', command: ['date'] })
  t.same((await world.heartbeat(runner)).scripts, [script])
  t.same(await world.reserve(runner), [], 'nor does a reserve give it')
  await world.confirm(runner, script!)
  t.same((await world.heartbeat(runner, [script!.execution_id])).scripts, [])
})

onEachWorld(
  t,
  'what has ended is gone, but not while its log is waited for (go-gitea#36632)',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner)
    const { execution_id: id } = reservation
    await world.result(runner, reservation, { log_length: 3, log_sha256: sha256('abc') })
    t.same((await world.heartbeat(runner, [id])).gone, [])
    await world.log(runner, reservation, 0, 'abc')
    t.same((await world.heartbeat(runner, [id])).gone, [id])
  },
)

onEachWorld(
  t,
  'leases last until a runner that left is back, and it gets nothing until then',
  async (t, world) => {
    const runner = await world.addRunner()
    const { execution_id: id } = await world.start(runner, { retries: 1 })
    const waiting = await world.submit()
    t.equal((await world.reserve(runner)).length, 1)
    await leaving(world, runner, 3600)
    t.match(await world.execution(waiting), { state: 'queued', unconfirmed: 0 })
    t.same(await world.reserve(runner), [])
    await world.wait(3600 - 5)
    t.match(await world.execution(id), { state: 'running' })
    t.same((await world.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.equal((await world.reserve(runner)).length, 1)
  },
)

onEachWorld(t, 'a leave never shortens a lease', async (t, world) => {
  const runner = await world.addRunner()
  const { execution_id: id } = await world.start(runner)
  await leaving(world, runner, 0)
  t.match(await world.execution(id), { deadline: world.clock.wall + 60_000 })
})

onEachWorld(
  t,
  'a runner that drains, leaves, falls silent or stops asking leads no more',
  async (t, world) => {
    const [one, two] = [await world.addRunner(), await world.addRunner({ created_at: 9e12 })]
    await world.write(tx => patchGroup(tx, world.ctx, 'default', { mode: 'leader' }))
    const leader = async () => (await world.store.read(tx => tx.group('default')))?.leader_runner_id
    const role = async (runner: Place) => (await world.heartbeat(runner)).role
    t.equal(await role(one), 'leader')
    t.equal(await role(two), 'standby')
    await world.heartbeat(one, [], { state: 'draining' })
    t.equal(await leader(), two.id)
    t.equal(await role(one), 'standby', 'and does not come back by itself')
    await leaving(world, two, 10)
    t.equal(await leader(), one.id)
    await world.heartbeat(two)
    for (let times = 0; times < 3; times++) {
      await world.wait(25)
      await world.heartbeat(two)
    }
    t.equal(await leader(), two.id)
    await world.heartbeat(one)
    for (let times = 0; times < 3; times++) {
      await world.wait(25)
      await world.heartbeat(one)
      await world.heartbeat(two, [], { free_slots: 1 })
    }
    t.equal(await leader(), one.id, 'actions/runner#1064: it says it has room and does not ask')
    await world.wait(65)
    t.equal(await leader(), null)
  },
)

onEachWorld(t, 'what a runner says of itself is kept', async (t, world) => {
  const runner = await world.addRunner()
  const executors = [{ image: 'x', state: 'idle' as const }]
  await world.heartbeat(runner, [], { executors, free_slots: 3, clock_difference_seconds: -7 })
  await world.heartbeat(runner, [], { executors, free_slots: 3, polling: true })
  t.match(await world.runner(runner.id), {
    executors,
    free_slots: 3,
    clock_difference_seconds: -7,
    last_heartbeat_at: world.clock.wall,
    reserve_until: world.clock.wall + 60_000,
  })
})

onEachWorld(t, 'a pinned runner that comes back to drain takes the lead from nobody', async (t, world) => {
  const [oldest, leader, pinned] = [await world.addRunner(), await world.addRunner(), await world.addRunner()]
  await world.wait(130)
  await world.heartbeat(leader)
  await world.write(tx =>
    patchGroup(tx, world.ctx, 'default', { mode: 'leader', pinned_runner_id: pinned.id }),
  )
  await world.heartbeat(oldest)
  await world.heartbeat(pinned, [], { state: 'draining' })
  t.match(await world.store.read(tx => tx.group('default')), { leader_runner_id: leader.id })
})
