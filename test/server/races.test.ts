import t from 'tap'
import { onEachWorld } from '../support/server-world.ts'

t.setTimeout(120_000)

onEachWorld(t, 'of two reserves for the same execution one gets it', async (t, world) => {
  const [one, two] = [await world.addRunner(), await world.addRunner()]
  await world.submit()
  const given = await Promise.all([world.reserve(one), world.reserve(two), world.reserve(one)])
  const leases = new Set(given.flat().map(reservation => reservation.lease_id))
  t.equal(leases.size, 1)
  t.ok(given[0].length === 0 || given[1].length === 0)
})

onEachWorld(t, 'a confirm and the end of its time: whichever is first holds', async (t, world) => {
  const runner = await world.addRunner()
  const id = await world.submit()
  const [reservation] = await world.reserve(runner)
  await world.sweeper.sweep()
  await world.wait(25)
  world.pass(5)
  const [confirmed] = await Promise.all([world.confirm(runner, reservation!), world.sweeper.sweep()])
  t.equal((await world.execution(id)).state, confirmed.ok ? 'running' : 'queued')
})

onEachWorld(t, 'a result and the end of the lease: the result holds, and nothing waits', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner, { retries: 1 })
  await world.sweeper.sweep()
  await world.wait(55)
  world.pass(5)
  const [, result] = await Promise.all([world.sweeper.sweep(), world.result(runner, reservation)])
  t.ok(result.ok)
  const [first, ...others] = await world.attempts(reservation.execution_id)
  t.equal(first?.state, 'succeeded')
  t.ok(others.every(row => row.state === 'withdrawn'))
})

onEachWorld(t, 'an abort and a result: one of them is refused, or the success stays', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const [aborted, result] = await Promise.all([
    world.abort(reservation.execution_id),
    world.result(runner, reservation),
  ])
  t.ok(result.ok)
  t.match(
    aborted,
    aborted.ok ? { value: { state: 'aborting' } } : { failure: { reason: 'already-finished' } },
  )
  t.match(await world.execution(reservation.execution_id), { state: 'succeeded' })
})

onEachWorld(t, 'of two different results at once one is accepted', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const results = await Promise.all([
    world.result(runner, reservation),
    world.result(runner, reservation, { outcome: 'failed', exit_code: 1 }),
    world.result(runner, reservation),
  ])
  t.same(
    results.map(result => result.ok),
    [true, false, true],
  )
})

onEachWorld(
  t,
  'a lost execution that comes back while its next attempt is asked for: one holds',
  async (t, world) => {
    const [runner, other] = [await world.addRunner(), await world.addRunner()]
    const { execution_id: id } = await world.start(runner, { retries: 1 })
    await world.wait(65)
    const [answer, given] = await Promise.all([world.heartbeat(runner, [id]), world.reserve(other)])
    const [first, second] = await world.attempts(id)
    if (given.length === 0) {
      t.same(Object.keys(answer.leases), [id])
      t.match([first, second], [{ state: 'running' }, { state: 'withdrawn' }])
    } else {
      t.same(answer.gone, [id])
      t.match([first, second], [{ state: 'lost', finished_at: Number }, { state: 'reserved' }])
    }
  },
)
