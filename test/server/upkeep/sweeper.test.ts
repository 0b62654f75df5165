import t from 'tap'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { factsOf } from '../../../src/server/rules/audit-facts.ts'
import { Sweeper } from '../../../src/server/upkeep/sweeper.ts'
import { StoreFailure } from '../../../src/store/failure.ts'
import type { Store, WriteOptions } from '../../../src/store/store.ts'
import type { Writer } from '../../../src/store/writer.ts'
import { onEachStore } from '../../support/server-rig.ts'
import { jumpsOfTheClock } from './jumps-of-the-clock.ts'

t.setTimeout(360_000)

jumpsOfTheClock(t)

onEachStore(
  t,
  'what is not confirmed in time goes back to the queue, as the same attempt',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const id = await rig.submit()
    const [reservation] = await rig.reserve(runner)
    await rig.wait(25)
    t.match(await rig.execution(id), { state: 'reserved' })
    await rig.wait(5)
    t.match(await rig.execution(id), { state: 'queued', attempt: 1, unconfirmed: 1, lease_id: null })
    t.match(await rig.confirm(runner, reservation!), { failure: { reason: 'reservation-expired' } })
    t.match(await rig.runner(runner.id), { misses: 1, unhealthy_until: null })
  },
)

onEachStore(t, 'what an older process did not confirm is not held against the new one', async (t, rig) => {
  const runner = await rig.addRunner()
  const id = await rig.submit()
  await rig.reserve(runner)
  await rig.write(async tx => tx.putRunner({ ...(await tx.runner(runner.id))!, session: 2 }))
  await rig.wait(30)
  t.match(await rig.execution(id), { state: 'queued', unconfirmed: 1 })
  t.match(await rig.runner(runner.id), { misses: 0 })
})

onEachStore(t, 'what waits longer than it may fails, and is not tried again', async (t, rig) => {
  const id = await rig.submit({ max_queue_seconds: 20, retries: 2 })
  await rig.wait(15)
  t.match(await rig.execution(id), { state: 'queued' })
  await rig.wait(5)
  t.match(await rig.attempts(id), [{ state: 'failed', reason: 'queued-too-long', finished_at: Number }])
})

onEachStore(
  t,
  'an outage of the server loses no lease and no reservation (ROCm/spur PR 624)',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const running = await rig.start(runner)
    await rig.submit()
    const [reserved] = await rig.reserve(runner)
    await rig.sweeper.sweep()
    rig.pass(3600)
    t.match(await rig.sweeper.sweep(), { outage: true, lost: 0 })
    // Watched time has stood still: each has what it had left, and one lease.
    const { watched } = rig.store.watch
    t.match(await rig.execution(running.execution_id), { state: 'running', deadline: watched + 120_000 })
    t.match(await rig.execution(reserved!.execution_id), { state: 'reserved', deadline: watched + 90_000 })
    t.same((await rig.heartbeat(runner, [running.execution_id])).leases, { [running.execution_id]: 60 })
    t.ok((await rig.confirm(runner, reserved!)).ok)
  },
)

onEachStore(
  t,
  'a restart after more than fifteen seconds is an outage, a quick one is not',
  async (t, rig) => {
    await rig.sweeper.sweep()
    rig.pass(15)
    rig.restart()
    t.match(await rig.sweeper.sweep(), { outage: false })
    rig.pass(16)
    rig.restart()
    t.match(await rig.sweeper.sweep(), { outage: true })
  },
)

onEachStore(t, 'a store that stalls in the middle of a sweep ends no lease', async (t, rig) => {
  const runner = await rig.addRunner()
  const { execution_id: id } = await rig.start(runner)
  await rig.sweeper.sweep()
  // It is the second writer of a sweep that lets things expire.
  let writes = 0
  const stalling: Store = Object.create(rig.store, {
    write: {
      value: <T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions) => {
        if (++writes === 2) rig.pass(600)
        return rig.store.write(writer, options)
      },
    },
  })
  await new Sweeper(stalling, rig.ctx, () => rig.clock.monotonic / 1000).sweep()
  t.equal((await rig.execution(id)).state, 'running')
  t.match(await rig.sweeper.sweep(), { outage: true, lost: 0 })
  t.equal((await rig.heartbeat(runner, [id])).leases[id], 60)
})

onEachStore(t, 'elections that the store did not take are held by the next sweep', async (t, rig) => {
  const runner = await rig.addRunner()
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  await rig.write(async tx => tx.putGroup({ ...(await tx.group('default'))!, leader_runner_id: null }))
  let elects = false
  const failing: Store = Object.create(rig.store, {
    write: {
      value: <T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions) =>
        rig.store.write(tx => {
          const listGroups = () => Promise.reject(new StoreFailure('disk-full', 'no space is left'))
          return writer(elects ? tx : Object.assign(tx, { listGroups }))
        }, options),
    },
  })
  const sweeper = new Sweeper(failing, rig.ctx, () => rig.clock.monotonic / 1000)
  await t.rejects(sweeper.sweep(), { message: 'no space is left' })
  elects = true
  await sweeper.sweep()
  t.equal((await rig.read(tx => tx.group('default')))?.leader_runner_id, runner.id)
})

onEachStore(t, 'a group that cannot be read holds up the sweep of no other', async (t, rig) => {
  const runner = await rig.addRunner()
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  const damaged: Store = Object.create(rig.store, {
    write: {
      value: <T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions) =>
        rig.store.write(tx => {
          const group = () => Promise.reject(new StoreFailure('damaged', 'its row is damaged'))
          return writer(Object.assign(tx, { group }))
        }, options),
    },
  })
  const sweeper = new Sweeper(damaged, rig.ctx, () => rig.clock.monotonic / 1000)
  await sweeper.sweep()
  // The lease of the runner ends, so the sweep looks at it and at its group.
  for (let passed = 0; passed < 65; passed += 5) {
    rig.pass(5)
    await sweeper.sweep()
  }
  t.ok((await rig.runner(runner.id)).looked_at > runner.looked_at)
})

onEachStore(t, 'a wall clock that jumps ends no lease, and makes none last for hours', async (t, rig) => {
  const runner = await rig.addRunner()
  const { execution_id: id } = await rig.start(runner)
  await rig.sweeper.sweep()
  for (const jump of [7200, -7200]) {
    rig.clock.wall += jump * 1000
    rig.pass(5)
    t.match(await rig.sweeper.sweep(), { outage: true, lost: 0 })
    t.match(await rig.execution(id), { state: 'running' })
    const { deadline } = await rig.execution(id)
    t.ok(deadline! <= rig.clock.wall + 120_000, `${deadline! - rig.clock.wall}`)
    await rig.heartbeat(runner, [id])
  }
})

onEachStore(
  t,
  'the leader keeps its place over an outage, and nobody who was gone gets it',
  async (t, rig) => {
    const gone = await rig.addRunner({ created_at: 1, seen_until: 5 })
    const leader = await rig.addRunner({ created_at: 2 })
    const other = await rig.addRunner({ created_at: 3 })
    await rig.sweeper.sweep()
    await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
    const leads = async () => (await rig.store.read(tx => tx.group('default')))?.leader_runner_id
    t.equal(await leads(), leader.id)
    rig.pass(3600)
    await rig.heartbeat(other)
    t.equal(await leads(), leader.id, 'who calls first after an outage gains nothing')
    await rig.sweeper.sweep()
    t.equal(await leads(), leader.id)
    await rig.heartbeat(gone)
    t.equal(await leads(), leader.id)
  },
)

onEachStore(t, 'a leader that falls silent is replaced by the next sweep', async (t, rig) => {
  const leader = await rig.addRunner({ created_at: 1 })
  const next = await rig.addRunner({ created_at: 2 })
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  await rig.wait(30)
  await rig.heartbeat(next)
  await rig.wait(25)
  t.equal((await rig.store.read(tx => tx.group('default')))?.leader_runner_id, leader.id)
  rig.topics.length = 0
  await rig.wait(5)
  t.equal((await rig.store.read(tx => tx.group('default')))?.leader_runner_id, next.id)
  await new Promise(setImmediate)
  const told = rig.topics.flatMap(topic => (topic.about === 'runner' ? topic.id : []))
  t.same(told.toSorted(), [leader.id, next.id].toSorted())
})

onEachStore(
  t,
  'what ended long ago is removed with its log, what runs is not',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const [old, running] = [await rig.start(runner), await rig.start(runner)]
    await rig.log(runner, old, 0, 'said')
    await rig.result(runner, old, { log_length: 4 })
    for (let count = 0; count < 120; count++) await rig.abort(await rig.submit())
    for (let hours = 0; hours < 25; hours++) {
      rig.pass(3600)
      await rig.sweeper.sweep()
    }
    const left = await rig.store.read(tx => tx.listExecutions({}, { limit: 200 }))
    t.same(
      left.map(row => row.id),
      [running.execution_id],
    )
    await rig.store.read(async tx => {
      t.equal(await tx.log(old.execution_id), undefined)
      t.equal(await tx.definition(old.group), undefined)
      t.equal((await tx.readLog(old.execution_id, 0, 10)).length, 0)
    })
  },
  { retention_days: 1 },
)

onEachStore(
  t,
  'with 0 days of retention nothing that ended is removed',
  async (t, rig) => {
    const id = await rig.submit()
    await rig.abort(id)
    for (let days = 0; days < 40; days++) {
      rig.pass(86_400)
      await rig.sweeper.sweep()
    }
    t.match(await rig.execution(id), { state: 'aborted' })
  },
  { retention_days: 0 },
)

onEachStore(t, 'hundreds of leases that end together are all lost, in pieces', async (t, rig) => {
  const runner = await rig.addRunner({ set: { capacity: 300 } })
  for (let count = 0; count < 250; count++) await rig.submit({ retries: 1 })
  const reservations = await rig.reserve(runner, 300)
  t.equal(reservations.length, 250)
  for (const reservation of reservations) await rig.confirm(runner, reservation)
  await rig.wait(55)
  rig.pass(5)
  t.match(await rig.sweeper.sweep(), { lost: 250 })
  t.same(await rig.store.read(tx => tx.countExecutions()), { lost: 250, queued: 250 })
})

onEachStore(t, 'what the present release has written opens: its deadlines go on', async (t, rig) => {
  const runner = await rig.addRunner()
  const { execution_id: id } = await rig.start(runner)
  const queued = await rig.submit({ max_queue_seconds: 20, retries: 1, capabilities: ['none-has'] })
  const { wall } = rig.clock
  await rig.write(async tx => {
    tx.setMeta('sweep.tick', String(wall))
    tx.putExecution({ ...(await tx.execution(queued))!, queued_at: null })
  })
  rig.restart()
  rig.pass(5)
  t.match(await rig.sweeper.sweep(), { outage: false })
  t.match(await rig.execution(id), { state: 'running', deadline: wall + 60_000 })
  await rig.wait(20)
  t.match(await rig.execution(queued), { state: 'failed', reason: 'queued-too-long' })
  await rig.wait(40)
  t.match(await rig.execution(id), { state: 'lost' })
})

onEachStore(
  t,
  'entries of the audit log are removed when they are old, and the chain begins behind them',
  async (t, rig) => {
    const add = (object: string) => rig.write(async tx => tx.audit(factsOf('putJob', { object })))
    await add('old')
    await rig.wait(60)
    await add('young')
    await rig.wait(60)
    const { rows, begins } = await rig.read(async tx => ({
      rows: await tx.auditAfter(0, 10),
      ...(await tx.auditEnds()),
    }))
    t.match(rows, [{ object: 'young', previous: begins.hash, number: begins.number + 1 }])
    t.equal(rows.length, 1)
  },
  { audit_days: 90 / 86_400 },
)
