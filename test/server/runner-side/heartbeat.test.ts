import t from 'tap'
import type { Submit } from '../../../src/protocol/messages/jobs.ts'
import { defined, ok } from '../../../src/result.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { submitScript } from '../../../src/server/operator-side/script.ts'
import { nobody } from '../../../src/server/rules/transitions.ts'
import { channelState } from '../../../src/server/runner-side/commands.ts'
import { heartbeat } from '../../../src/server/runner-side/heartbeat.ts'
import { leave } from '../../../src/server/runner-side/leave.ts'
import type { RunnerRow } from '../../../src/store/runner-row.ts'
import { sha256 } from '../../support/messages.ts'
import { testId } from '../../support/rows.ts'
import { view } from '../../support/sent.ts'
import { scriptBy } from '../../support/server-caller.ts'
import { onEachStore, type Place, type ServerRig } from '../../support/server-rig.ts'

t.setTimeout(360_000)

const leaving = (rig: ServerRig, runner: Place, back_within_seconds: number) =>
  rig.call(runner.id, runner.session, async (tx, caller) =>
    ok(await leave(tx, rig.ctx, caller, { back_within_seconds })),
  )

onEachStore(t, 'a heartbeat renews the leases of what it lists, and of nothing else', async (t, rig) => {
  const runner = await rig.addRunner()
  const [one, other] = [await rig.start(runner), await rig.start(runner)]
  rig.pass(20)
  const answer = await rig.heartbeat(runner, [one.execution_id])
  t.same(answer.leases, { [one.execution_id]: 60 })
  t.match(await rig.execution(one.execution_id), { deadline: rig.clock.wall + 60_000 })
  t.match(await rig.execution(other.execution_id), { deadline: rig.clock.wall + 40_000 })
  t.match(answer.settings, { capacity: 4, lease_seconds: 60, enabled: true })
})

onEachStore(t, 'a runner says why what it holds has not started, and nothing of others', async (t, rig) => {
  const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
  const { execution_id: id } = await rig.start(runner)
  const waiting = async () => (await view(rig, id)).waiting_because
  const why = { not_started: { [id]: 'its engine is away' } }
  await rig.heartbeat(other, [id], why)
  t.equal(await waiting(), null)
  await rig.heartbeat(runner, [id], why)
  t.match(await waiting(), /^it has not started on \S+ yet: its engine is away$/)
  await rig.heartbeat(runner, [id])
  t.equal(await waiting(), null)
})

onEachStore(
  t,
  'a heartbeat brings back what was lost, and withdraws the attempt in its place (nomad#2185)',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const { execution_id: id } = await rig.start(runner, { retries: 1 })
    await rig.wait(65)
    t.match(await rig.attempts(id), [{ state: 'lost', reason: 'lease-ended' }, { state: 'queued' }])
    t.same((await rig.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.match(await rig.attempts(id), [
      { state: 'running', next_id: null, reason: null, error_message: null },
      { state: 'withdrawn', attempt: 2, reason: 'earlier-attempt-came-back' },
    ])
    await rig.wait(65)
    t.match(await rig.attempts(id), [{ state: 'lost' }, {}, { state: 'queued', attempt: 3, retries_left: 0 }])
  },
)

onEachStore(t, 'once the next attempt is reserved the one before it is gone', async (t, rig) => {
  const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
  const lost = await rig.start(runner, { retries: 1 })
  await rig.wait(65)
  t.equal((await rig.reserve(other)).length, 1)
  t.same((await rig.heartbeat(runner, [lost.execution_id])).gone, [lost.execution_id])
  t.match(await rig.result(runner, lost), { failure: { reason: 'superseded' } })
  t.match(await rig.log(runner, lost, 0, 'late'), { failure: { reason: 'superseded' } })
  t.match(await rig.attempts(lost.execution_id), [
    { state: 'lost' },
    { state: 'reserved', previous_id: null },
  ])
})

onEachStore(
  t,
  'without retries a lost execution is waited for as long as a result may be late',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const { execution_id: id } = await rig.start(runner)
    await rig.wait(65)
    t.match(await rig.attempts(id), [{ state: 'lost', finished_at: null }])
    rig.pass(86_000)
    await rig.sweeper.sweep()
    t.match(await rig.execution(id), { state: 'lost', finished_at: null }, 'an outage moves it')
    await rig.wait(600)
    t.match(await rig.execution(id), { state: 'lost', finished_at: null }, 'by its length and one lease')
    await rig.wait(65)
    t.match(await rig.execution(id), { state: 'lost', finished_at: Number })
    t.same((await rig.heartbeat(runner, [id])).gone, [id])
  },
  { late_result_seconds: 600 },
)

onEachStore(t, 'what the server does not know is let run, what is not theirs is gone', async (t, rig) => {
  const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
  const { execution_id: foreign } = await rig.start(other)
  const elsewhere = await rig.submit({ runner_group: 'elsewhere' })
  const answer = await rig.heartbeat(runner, [testId(5), foreign, elsewhere, foreign])
  t.same(answer.unknown, [testId(5)])
  t.same(answer.gone, [foreign, elsewhere])
})

onEachStore(
  t,
  'what a runner holds and a restored backup has as queued goes on there, and is not handed out again',
  async (t, rig) => {
    const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
    const id = await rig.submit()
    const lease_id = 'of the store that is no more'
    t.same((await rig.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.match(await rig.execution(id), { state: 'running', runner_id: runner.id })
    t.same(await rig.reserve(other, 4), [])
    t.notOk((await rig.confirm(other, { execution_id: id, lease_id })).ok)
    t.ok((await rig.confirm(runner, { execution_id: id, lease_id })).ok)
    t.ok((await rig.result(runner, { execution_id: id, lease_id })).ok)
    t.match(await rig.execution(id), { state: 'succeeded', result: { lease_id } })
  },
)

onEachStore(
  t,
  'a runner that is too old to be asked keeps only what it might be given now',
  async (t, rig) => {
    const said = { capabilities: ['a'], runner_group: 'default', taints: [], metadata: {} }
    const kept = async (row: Partial<RunnerRow>, submit: Partial<Submit> = {}, state?: 'draining') => {
      const runner = await rig.addRunner({ said, ...row })
      const ids = [await rig.submit(submit), await rig.submit(submit)]
      const { leases, gone } = await rig.heartbeat(runner, ids, defined({ state }))
      t.equal(Object.keys(leases).length + gone.length, 2)
      for (const id of gone) t.match(await rig.execution(id), { state: 'queued', runner_id: null })
      return Object.keys(leases).length
    }
    t.equal(await kept({}, { capabilities: ['a'] }), 2)
    t.equal(await kept({ set: { capacity: 1 } }), 1)
    t.equal(await kept({ set: { enabled: false } }), 0)
    t.equal(await kept({ set: { taints: ['t'] } }), 0)
    t.equal(await kept({ said: { ...said, taints: ['t'] } }), 0)
    t.equal(await kept({}, {}, 'draining'), 0)
    t.equal(await kept({}, { capabilities: ['b'] }), 0)
    t.equal(await kept({ set: { runner_group: 'other' } }), 0)
  },
)

/** A queued execution that a runner had confirmed before the store was restored, and the lease of then. */
async function forgotten(rig: ServerRig, runner: RunnerRow, definition: Partial<Submit> = {}) {
  const lease = await rig.start(runner, definition)
  await rig.write(async tx => {
    const row = (await tx.execution(lease.execution_id))!
    tx.putExecution({ ...row, ...nobody, state: 'queued', deadline: null, started_at: null })
  })
  return lease
}

onEachStore(
  t,
  'a restored backup asks a runner for what it lists, hands it out to nobody meanwhile, and takes the right lease',
  async (t, rig) => {
    const [runner, other] = [
      await rig.addRunner({ features: ['confirm'] }),
      await rig.addRunner({ features: ['confirm'] }),
    ]
    const lease = await forgotten(rig, runner)
    const { execution_id: id } = lease
    t.match(await rig.heartbeat(other, [id]), { confirm: [id], leases: {}, gone: [] })
    for (const any of [other, runner])
      t.same(await rig.reserve(any, 4), [], 'nobody hears what there is to do')
    t.match(await rig.heartbeat(runner, [id]), { confirm: [id], leases: {}, gone: [] })
    t.notOk((await rig.confirm(other, lease)).ok)
    t.notOk((await rig.confirm(runner, { ...lease, lease_id: testId(9) })).ok)
    t.ok((await rig.confirm(runner, lease)).ok)
    t.match(await rig.execution(id), { state: 'running', runner_id: runner.id, lease_id: lease.lease_id })
    t.same((await rig.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.ok((await rig.result(runner, lease)).ok)
  },
)

onEachStore(
  t,
  'log and result of what a restored backup has as queued or reserved are taken before any heartbeat',
  async (t, rig) => {
    const [runner, other] = [
      await rig.addRunner({ features: ['confirm'] }),
      await rig.addRunner({ features: ['confirm'] }),
    ]
    const whatComesBefore = [
      async () => {},
      async (id: string) => void (await rig.heartbeat(runner, [id])),
      async (id: string) => void (await rig.heartbeat(other, [id])),
    ]
    for (const meanwhile of whatComesBefore) {
      const lease = await forgotten(rig, runner)
      const { execution_id: id } = lease
      await meanwhile(id)
      t.notOk((await rig.log(other, lease, 0, 'x')).ok)
      t.notOk((await rig.log(runner, { ...lease, lease_id: testId(9) }, 0, 'x')).ok)
      t.match(await rig.log(runner, lease, 0, 'so far'), { value: { length: 6 } })
      t.match(await rig.execution(id), { state: 'running', runner_id: runner.id, lease_id: lease.lease_id })
      t.same((await rig.heartbeat(runner, [id])).leases, { [id]: 60 })
      const ended = await forgotten(rig, runner)
      await meanwhile(ended.execution_id)
      t.notOk((await rig.result(other, ended)).ok)
      t.ok((await rig.result(runner, ended)).ok)
      t.match(await rig.execution(ended.execution_id), { state: 'succeeded', runner_id: runner.id })
    }
    const taken = await forgotten(rig, runner)
    await rig.heartbeat(other)
    const [reserved] = await rig.reserve(other, 1)
    t.match(reserved, { execution_id: taken.execution_id })
    t.ok((await rig.result(runner, taken)).ok, 'the other one has not begun it')
    t.notOk((await rig.confirm(other, reserved!)).ok)
  },
)

onEachStore(t, 'a runner is asked once, and what it does not confirm goes on as before', async (t, rig) => {
  const [runner, other] = [await rig.addRunner({ features: ['confirm'] }), await rig.addRunner()]
  const id = await rig.submit()
  t.match(await rig.heartbeat(runner, [id]), { confirm: [id] })
  await rig.wait(20)
  t.match(await rig.heartbeat(runner, [id]), { confirm: [id] }, 'an answer may have been lost')
  await rig.wait(15)
  t.match(await rig.execution(id), { state: 'queued', runner_id: null, unconfirmed: 0 })
  t.match(await rig.runner(runner.id), { misses: 0 })
  const again = await rig.heartbeat(runner, [id])
  t.match(again, { gone: [id] })
  t.notOk('confirm' in again)
  await rig.heartbeat(other)
  t.match(await rig.reserve(other, 1), [{ execution_id: id }])
})

onEachStore(
  t,
  'what a runner was asked for is no part of it when it leaves or is deleted',
  async (t, rig) => {
    const runner = await rig.addRunner({ features: ['confirm'] })
    const lease = await forgotten(rig, runner)
    await rig.heartbeat(runner, [lease.execution_id])
    await leaving(rig, runner, 20)
    t.ok((await rig.confirm(runner, lease)).ok, 'one that leaves for a moment still has its jobs')
    const stranger = await rig.addRunner({ features: ['confirm'] })
    const id = await rig.submit()
    await rig.heartbeat(stranger, [id])
    await rig.write(tx => deleteRunner(tx, rig.ctx, stranger.id))
    t.match(await rig.execution(id), { state: 'queued', runner_id: null })
  },
)

onEachStore(
  t,
  'an attempt that a runner is asked for is withdrawn when the one before comes back',
  async (t, rig) => {
    const runner = await rig.addRunner({ features: ['confirm'] })
    const first = await rig.start(runner, { retries: 1 })
    await rig.wait(65)
    const next = (await rig.attempts(first.execution_id))[1]!
    t.match(await rig.heartbeat(runner, [next.id]), { confirm: [next.id] })
    t.same((await rig.heartbeat(runner, [first.execution_id])).leases, { [first.execution_id]: 60 })
    t.match(await rig.attempts(first.execution_id), [{ state: 'running' }, { state: 'withdrawn' }])
  },
)

onEachStore(t, 'what is gone is on disk before its runner hears of it', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const synced = async () => {
    let times = 0
    const message = { state: 'ready' as const, executors: [], free_slots: 0 }
    await rig.call(runner.id, runner.session, async (tx, caller) => {
      tx.durably = () => times++
      const listed = { ...message, executions: [reservation.execution_id] }
      return ok(await heartbeat(tx, rig.ctx, caller, listed, { polling: false, clock_difference_seconds: 0 }))
    })
    return times > 0
  }
  t.equal(await synced(), false)
  await rig.result(runner, reservation)
  t.equal(await synced(), true)
})

onEachStore(t, 'an abort is told in each heartbeat and on the channel until it is done', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const { execution_id: id } = reservation
  await rig.abort(id)
  for (let times = 0; times < 2; times++) t.same((await rig.heartbeat(runner, [id])).abort, [id])
  const state = await rig.store.read(tx => channelState(tx, rig.ctx, { runner_id: runner.id, session: 1 }))
  t.same(state.abort, [id])
  await rig.result(runner, reservation, { outcome: 'aborted', exit_code: null })
  t.same((await rig.heartbeat(runner, [])).abort, [])
})

onEachStore(t, 'a script is told until it is confirmed', async (t, rig) => {
  const said = { capabilities: ['remote-script'], runner_group: 'default', taints: [], metadata: {} }
  const runner = await rig.addRunner({ said })
  await rig.write(tx =>
    submitScript(tx, rig.ctx, { image: 'x', command: ['date'], runner_id: runner.id }, scriptBy()),
  )
  const [script] = (await rig.heartbeat(runner)).scripts
  t.match(script, { kind: 'script', command: ['date'] })
  t.same((await rig.heartbeat(runner)).scripts, [script])
  t.same(await rig.reserve(runner), [], 'nor does a reserve give it')
  await rig.confirm(runner, script!)
  t.same((await rig.heartbeat(runner, [script!.execution_id])).scripts, [])
})

onEachStore(
  t,
  'what has ended is gone, but not while its log is waited for (go-gitea#36632)',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner)
    const { execution_id: id } = reservation
    await rig.result(runner, reservation, { log_length: 3, log_sha256: sha256('abc') })
    t.same((await rig.heartbeat(runner, [id])).gone, [])
    await rig.log(runner, reservation, 0, 'abc')
    t.same((await rig.heartbeat(runner, [id])).gone, [id])
  },
)

onEachStore(t, 'a runner that drains, leaves, falls silent or stops asking leads no more', async (t, rig) => {
  const [one, two] = [await rig.addRunner(), await rig.addRunner({ created_at: 9e12 })]
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  const leader = async () => (await rig.store.read(tx => tx.group('default')))?.leader_runner_id
  const role = async (runner: Place) => (await rig.heartbeat(runner)).role
  t.equal(await role(one), 'leader')
  t.equal(await role(two), 'standby')
  await rig.heartbeat(one, [], { state: 'draining' })
  t.equal(await leader(), two.id)
  t.equal(await role(one), 'standby', 'and does not come back by itself')
  await leaving(rig, two, 10)
  t.equal(await leader(), one.id)
  await rig.heartbeat(two)
  for (let times = 0; times < 3; times++) {
    await rig.wait(25)
    await rig.heartbeat(two)
  }
  t.equal(await leader(), two.id)
  await rig.heartbeat(one)
  for (let times = 0; times < 3; times++) {
    await rig.wait(25)
    await rig.heartbeat(one)
    await rig.heartbeat(two, [], { free_slots: 1 })
  }
  t.equal(await leader(), one.id, 'actions/runner#1064: it says it has room and does not ask')
  await rig.wait(65)
  t.equal(await leader(), null)
})

onEachStore(t, 'what a runner says of itself is kept', async (t, rig) => {
  const runner = await rig.addRunner()
  const executors = [{ image: 'x', state: 'idle' as const }]
  await rig.heartbeat(runner, [], { executors, free_slots: 3, clock_difference_seconds: -7 })
  await rig.heartbeat(runner, [], { executors, free_slots: 3, polling: true })
  t.match(await rig.runner(runner.id), {
    executors,
    free_slots: 3,
    clock_difference_seconds: -7,
    last_heartbeat_at: rig.clock.wall,
    reserve_until: rig.clock.wall + 60_000,
  })
})

onEachStore(t, 'a pinned runner that comes back to drain takes the lead from nobody', async (t, rig) => {
  const [oldest, leader, pinned] = [await rig.addRunner(), await rig.addRunner(), await rig.addRunner()]
  await rig.wait(130)
  await rig.heartbeat(leader)
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader', pinned_runner_id: pinned.id }))
  await rig.heartbeat(oldest)
  await rig.heartbeat(pinned, [], { state: 'draining' })
  t.match(await rig.store.read(tx => tx.group('default')), { leader_runner_id: leader.id })
})
