import t from 'tap'
import { onEachStore } from '../../support/server-rig.ts'

t.setTimeout(360_000)

onEachStore(t, 'of two reserves for the same execution one gets it', async (t, rig) => {
  const [one, two] = [await rig.addRunner(), await rig.addRunner()]
  await rig.submit()
  const given = await Promise.all([rig.reserve(one), rig.reserve(two), rig.reserve(one)])
  const leases = new Set(given.flat().map(reservation => reservation.lease_id))
  t.equal(leases.size, 1)
  t.ok(given[0].length === 0 || given[1].length === 0)
})

onEachStore(t, 'a confirm and the end of its time: whichever is first holds', async (t, rig) => {
  const runner = await rig.addRunner()
  const id = await rig.submit()
  const [reservation] = await rig.reserve(runner)
  await rig.sweeper.sweep()
  await rig.wait(25)
  rig.pass(5)
  const [confirmed] = await Promise.all([rig.confirm(runner, reservation!), rig.sweeper.sweep()])
  t.equal((await rig.execution(id)).state, confirmed.ok ? 'running' : 'queued')
})

onEachStore(t, 'a result and the end of the lease: the result holds, and nothing waits', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner, { retries: 1 })
  await rig.sweeper.sweep()
  await rig.wait(55)
  rig.pass(5)
  const [, result] = await Promise.all([rig.sweeper.sweep(), rig.result(runner, reservation)])
  t.ok(result.ok)
  const [first, ...others] = await rig.attempts(reservation.execution_id)
  t.equal(first?.state, 'succeeded')
  t.ok(others.every(row => row.state === 'withdrawn'))
})

onEachStore(t, 'an abort and a result: one of them is refused, or the success stays', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const [aborted, result] = await Promise.all([
    rig.abort(reservation.execution_id),
    rig.result(runner, reservation),
  ])
  t.ok(result.ok)
  t.match(
    aborted,
    aborted.ok ? { value: { state: 'aborting' } } : { failure: { reason: 'already-finished' } },
  )
  t.match(await rig.execution(reservation.execution_id), { state: 'succeeded' })
})

onEachStore(t, 'of two different results at once one is accepted', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const results = await Promise.all([
    rig.result(runner, reservation),
    rig.result(runner, reservation, { outcome: 'failed', exit_code: 1 }),
    rig.result(runner, reservation),
  ])
  t.same(
    results.map(result => result.ok),
    [true, false, true],
  )
})

onEachStore(
  t,
  'a lost execution that comes back while its next attempt is asked for: one holds',
  async (t, rig) => {
    const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
    const { execution_id: id } = await rig.start(runner, { retries: 1 })
    await rig.wait(65)
    const [answer, given] = await Promise.all([rig.heartbeat(runner, [id]), rig.reserve(other)])
    const [first, second] = await rig.attempts(id)
    if (given.length === 0) {
      t.same(Object.keys(answer.leases), [id])
      t.match([first, second], [{ state: 'running' }, { state: 'withdrawn' }])
    } else {
      t.same(answer.gone, [id])
      t.match([first, second], [{ state: 'lost', finished_at: Number }, { state: 'reserved' }])
    }
  },
)
