import t from 'tap'
import { patchGroup } from '../../src/server/groups.ts'
import type { Store, WriteOptions, Writer } from '../../src/server/store/store.ts'
import { submit } from '../../src/server/submit.ts'
import { Sweeper } from '../../src/server/sweep.ts'
import { createToken } from '../../src/server/tokens.ts'
import { onEachWorld } from '../support/server-world.ts'

t.setTimeout(120_000)

onEachWorld(
  t,
  'what is not confirmed in time goes back to the queue, as the same attempt',
  async (t, world) => {
    const runner = await world.addRunner()
    const id = await world.submit()
    const [reservation] = await world.reserve(runner)
    await world.wait(25)
    t.match(await world.execution(id), { state: 'reserved' })
    await world.wait(5)
    t.match(await world.execution(id), { state: 'queued', attempt: 1, unconfirmed: 1, lease_id: null })
    t.match(await world.confirm(runner, reservation!), { failure: { reason: 'reservation-expired' } })
    t.match(await world.runner(runner.id), { misses: 1, unhealthy_until: null })
  },
)

onEachWorld(t, 'what an older process did not confirm is not held against the new one', async (t, world) => {
  const runner = await world.addRunner()
  const id = await world.submit()
  await world.reserve(runner)
  await world.write(async tx => tx.putRunner({ ...(await tx.runner(runner.id))!, session: 2 }))
  await world.wait(30)
  t.match(await world.execution(id), { state: 'queued', unconfirmed: 1 })
  t.match(await world.runner(runner.id), { misses: 0 })
})

onEachWorld(t, 'what waits longer than it may fails, and is not tried again', async (t, world) => {
  const id = await world.submit({ max_queue_seconds: 20, retries: 2 })
  await world.wait(15)
  t.match(await world.execution(id), { state: 'queued' })
  await world.wait(5)
  t.match(await world.attempts(id), [{ state: 'failed', reason: 'queued-too-long', finished_at: Number }])
})

onEachWorld(
  t,
  'an outage of the server loses no lease and no reservation (ROCm/spur PR 624)',
  async (t, world) => {
    const runner = await world.addRunner()
    const running = await world.start(runner)
    await world.submit()
    const [reserved] = await world.reserve(runner)
    await world.sweeper.sweep()
    world.pass(3600)
    t.match(await world.sweeper.sweep(), { outage: true, lost: 0 })
    // Watched time has stood still: each has what it had left, and one lease.
    const { watched } = world.store.watch
    t.match(await world.execution(running.execution_id), { state: 'running', deadline: watched + 120_000 })
    t.match(await world.execution(reserved!.execution_id), { state: 'reserved', deadline: watched + 90_000 })
    t.same((await world.heartbeat(runner, [running.execution_id])).leases, { [running.execution_id]: 60 })
    t.ok((await world.confirm(runner, reserved!)).ok)
  },
)

onEachWorld(
  t,
  'a restart after more than fifteen seconds is an outage, a quick one is not',
  async (t, world) => {
    await world.sweeper.sweep()
    world.pass(15)
    world.restart()
    t.match(await world.sweeper.sweep(), { outage: false })
    world.pass(16)
    world.restart()
    t.match(await world.sweeper.sweep(), { outage: true })
  },
)

onEachWorld(t, 'a store that stalls in the middle of a sweep ends no lease', async (t, world) => {
  const runner = await world.addRunner()
  const { execution_id: id } = await world.start(runner)
  await world.sweeper.sweep()
  // It is the second writer of a sweep that lets things expire.
  let writes = 0
  const stalling: Store = Object.create(world.store, {
    write: {
      value: <T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions) => {
        if (++writes === 2) world.pass(600)
        return world.store.write(writer, options)
      },
    },
  })
  await new Sweeper(stalling, world.ctx, () => world.clock.monotonic / 1000).sweep()
  t.equal((await world.execution(id)).state, 'running')
  t.match(await world.sweeper.sweep(), { outage: true, lost: 0 })
  t.equal((await world.heartbeat(runner, [id])).leases[id], 60)
})

onEachWorld(t, 'a wall clock that jumps ends no lease, and makes none last for hours', async (t, world) => {
  const runner = await world.addRunner()
  const { execution_id: id } = await world.start(runner)
  await world.sweeper.sweep()
  for (const jump of [7200, -7200]) {
    world.clock.wall += jump * 1000
    world.pass(5)
    t.match(await world.sweeper.sweep(), { outage: true, lost: 0 })
    t.match(await world.execution(id), { state: 'running' })
    const { deadline } = await world.execution(id)
    t.ok(deadline! <= world.clock.wall + 120_000, `${deadline! - world.clock.wall}`)
    await world.heartbeat(runner, [id])
  }
})

onEachWorld(
  t,
  'the leader keeps its place over an outage, and nobody who was gone gets it',
  async (t, world) => {
    const gone = await world.addRunner({ created_at: 1, seen_until: 5 })
    const leader = await world.addRunner({ created_at: 2 })
    const other = await world.addRunner({ created_at: 3 })
    await world.sweeper.sweep()
    await world.write(tx => patchGroup(tx, world.ctx, 'default', { mode: 'leader' }))
    const leads = async () => (await world.store.read(tx => tx.group('default')))?.leader_runner_id
    t.equal(await leads(), leader.id)
    world.pass(3600)
    await world.heartbeat(other)
    t.equal(await leads(), leader.id, 'who calls first after an outage gains nothing')
    await world.sweeper.sweep()
    t.equal(await leads(), leader.id)
    await world.heartbeat(gone)
    t.equal(await leads(), leader.id)
  },
)

onEachWorld(t, 'a leader that falls silent is replaced by the next sweep', async (t, world) => {
  const leader = await world.addRunner({ created_at: 1 })
  const next = await world.addRunner({ created_at: 2 })
  await world.write(tx => patchGroup(tx, world.ctx, 'default', { mode: 'leader' }))
  await world.wait(30)
  await world.heartbeat(next)
  await world.wait(25)
  t.equal((await world.store.read(tx => tx.group('default')))?.leader_runner_id, leader.id)
  world.topics.length = 0
  await world.wait(5)
  t.equal((await world.store.read(tx => tx.group('default')))?.leader_runner_id, next.id)
  await new Promise(setImmediate)
  const told = world.topics.flatMap(topic => (topic.about === 'runner' ? topic.id : []))
  t.same(told.toSorted(), [leader.id, next.id].toSorted())
})

onEachWorld(
  t,
  'what ended long ago is removed with its log, what runs is not',
  async (t, world) => {
    const runner = await world.addRunner()
    const [old, running] = [await world.start(runner), await world.start(runner)]
    await world.log(runner, old, 0, 'said')
    await world.result(runner, old, { log_length: 4 })
    for (let count = 0; count < 120; count++) await world.abort(await world.submit())
    for (let hours = 0; hours < 25; hours++) {
      world.pass(3600)
      await world.sweeper.sweep()
    }
    const left = await world.store.read(tx => tx.listExecutions({}, { limit: 200 }))
    t.same(
      left.map(row => row.id),
      [running.execution_id],
    )
    await world.store.read(async tx => {
      t.equal(await tx.log(old.execution_id), undefined)
      t.equal(await tx.definition(old.group), undefined)
      t.equal((await tx.readLog(old.execution_id, 0, 10)).length, 0)
    })
  },
  { retention_days: 1 },
)

onEachWorld(t, 'hundreds of leases that end together are all lost, in pieces', async (t, world) => {
  const runner = await world.addRunner({ set: { capacity: 300 } })
  for (let count = 0; count < 250; count++) await world.submit({ retries: 1 })
  const reservations = await world.reserve(runner, 300)
  t.equal(reservations.length, 250)
  for (const reservation of reservations) await world.confirm(runner, reservation)
  await world.wait(55)
  world.pass(5)
  t.match(await world.sweeper.sweep(), { lost: 250 })
  t.same(await world.store.read(tx => tx.countExecutions()), { lost: 250, queued: 250 })
})

const aDay = 86_400

onEachWorld(
  t,
  'a clock that is wrong for twelve seconds removes, ends, expires and refuses nothing',
  async (t, world) => {
    const runner = await world.addRunner()
    await world.sweeper.sweep()
    const ended = await world.start(runner)
    await world.result(runner, ended)
    const by = { token_id: 'token', body_sha256: '', idempotency_key: 'once' }
    const body = { image: 'busybox', max_queue_seconds: 7200, capabilities: ['none-has'] }
    const submitOnce = async () => {
      const made = await world.write(tx => submit(tx, world.ctx, body, by))
      return made.ok ? made.value.id : made.failure.reason
    }
    const waiting = await submitOnce()
    const lost = await world.start(runner, { retries: 0 })
    await world.wait(70)
    t.match(await world.execution(lost.execution_id), { state: 'lost', finished_at: null })
    const running = await world.start(runner)
    const beats = async () => world.heartbeat(runner, [running.execution_id])
    for (const days of [400, 1, 25 / 24, -400, -2]) {
      world.clock.wall += days * aDay * 1000
      // Between the jump and the first sweep that can see it.
      t.equal(await submitOnce(), waiting, `${days}: the same key, the same execution, at once`)
      t.same((await beats()).leases, { [running.execution_id]: 60 })
      const during = await world.submit({ max_queue_seconds: 3600, capabilities: ['none-has'] })
      for (let seconds = 0; seconds < 12; seconds += 4) {
        world.pass(4)
        await world.sweeper.sweep()
      }
      const before = await world.submit({ max_queue_seconds: 3600, capabilities: ['none-has'] })
      t.equal(await submitOnce(), waiting, `${days}: and after it`)
      world.clock.wall -= days * aDay * 1000
      await world.wait(5)
      await beats()
      for (const id of [waiting, during, before]) t.match(await world.execution(id), { state: 'queued' })
      t.match(await world.execution(ended.execution_id), { state: 'succeeded' })
      t.match(await world.execution(running.execution_id), { state: 'running' })
      const left = (await world.execution(during)).deadline! - world.store.watch.watched
      t.ok(left > 3500_000 && left < 3600_000 + 10 * 60_000, `${days}: its wait ends in ${left} ms`)
    }
    t.ok((await world.result(runner, lost)).ok, 'a true result is taken, late as it is')
    t.ok((await world.result(runner, running)).ok)
    await world.wait(3600 + 20 * 60)
    t.match(await world.execution(waiting), { state: 'queued' })
  },
  { retention_days: 1, late_result_seconds: 3600 },
)

onEachWorld(
  t,
  'after a jump what is old is kept for 24 h that a server runs, over restarts, and then goes piece by piece',
  async (t, world) => {
    for (let count = 0; count < 2500; count += 100)
      await Promise.all(Array.from({ length: 100 }, async () => world.abort(await world.submit())))
    const count = async () =>
      Object.values(await world.store.read(tx => tx.countExecutions())).reduce((sum, one) => sum + one, 0)
    await world.sweeper.sweep()
    world.clock.wall += 400 * aDay * 1000
    const sweepAt = async (seconds: number) => {
      world.pass(seconds)
      await world.sweeper.sweep()
    }
    for (let hours = 0; hours < 23; hours++) {
      await sweepAt(3600)
      if (hours % 5 === 0) world.restart()
      await world.sweeper.sweep()
      // A server that is down for a while does not shorten it.
      world.pass(3000)
      world.restart()
      await world.sweeper.sweep()
    }
    t.equal(await count(), 2500)
    for (let hours = 0; hours < 2; hours++) await sweepAt(3590)
    await sweepAt(5)
    const left: number[] = []
    for (let sweeps = 0; sweeps < 8 && (await count()) > 0; sweeps++) {
      left.push(await count())
      await sweepAt(5)
    }
    const steps = left.slice(1).map((one, index) => left[index]! - one)
    t.ok(
      steps.every(step => step <= 1000),
      `${left}`,
    )
    t.equal(await count(), 0)
  },
  { retention_days: 30 },
)

onEachWorld(
  t,
  'a start a day and more after the last sweep waits as after a jump',
  async (t, world) => {
    await world.abort(await world.submit())
    await world.sweeper.sweep()
    world.pass(3 * aDay)
    world.restart()
    await world.wait(60)
    const count = () => world.store.read(tx => tx.countExecutions())
    t.same(await count(), { aborted: 1 })
    for (let hours = 0; hours < 25; hours++) {
      world.pass(3600)
      await world.sweeper.sweep()
    }
    t.same(await count(), {})
  },
  { retention_days: 1 },
)

onEachWorld(
  t,
  'a token that was made while the clock was wrong lives as long as it was to, and no other lives or dies by it',
  async (t, world) => {
    const make = async (seconds: number) => {
      const made = await world.write(tx =>
        createToken(tx, world.ctx, { kind: 'viewer', name: 'x', expires_in_seconds: seconds }),
      )
      if (!made.ok) throw new Error(made.failure.reason)
      return made.value.id
    }
    const valid = async (id: string) =>
      !world.store.watch.isExpired((await world.store.read(tx => tx.token(id)))!)
    await world.sweeper.sweep()
    const [short, long] = [await make(60), await make(2 * aDay)]
    world.clock.wall += 400 * aDay * 1000
    t.same([await valid(short), await valid(long)], [true, true], 'before a sweep has seen it')
    await world.wait(12)
    const during = await make(100)
    t.same([await valid(short), await valid(long), await valid(during)], [true, true, true])
    world.clock.wall -= 400 * aDay * 1000
    await world.wait(50)
    t.same([await valid(short), await valid(long), await valid(during)], [false, true, true])
    await world.wait(60)
    t.notOk(await valid(during), 'it does not live for 400 days')
    world.clock.wall -= 400 * aDay * 1000
    await world.wait(12)
    t.same([await valid(short), await valid(long)], [false, true], 'a clock that goes back revives none')
    const past = await make(100)
    world.clock.wall += 400 * aDay * 1000
    await world.wait(50)
    t.same([await valid(short), await valid(long), await valid(past)], [false, true, true])
    await world.wait(60)
    t.notOk(await valid(past))
  },
)

onEachWorld(t, 'what the present release has written opens: its deadlines go on', async (t, world) => {
  const runner = await world.addRunner()
  const { execution_id: id } = await world.start(runner)
  const queued = await world.submit({ max_queue_seconds: 20, retries: 1, capabilities: ['none-has'] })
  const { wall } = world.clock
  await world.write(async tx => {
    tx.setMeta('sweep.tick', String(wall))
    const { queued_at: _, ...row } = (await tx.execution(queued))!
    tx.putExecution(row)
  })
  world.restart()
  world.pass(5)
  t.match(await world.sweeper.sweep(), { outage: false })
  t.match(await world.execution(id), { state: 'running', deadline: wall + 60_000 })
  await world.wait(20)
  t.match(await world.execution(queued), { state: 'failed', reason: 'queued-too-long' })
  await world.wait(40)
  t.match(await world.execution(id), { state: 'lost' })
})
