import t from 'tap'
import { onEachStore } from '../../support/server-rig.ts'

t.setTimeout(360_000)

onEachStore(t, 'a confirm that comes again brings back what was lost since, too', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner, { retries: 1 })
  await rig.wait(65)
  t.ok((await rig.confirm(runner, reservation)).ok)
  t.match(await rig.attempts(reservation.execution_id), [
    { state: 'running', next_id: null },
    { state: 'withdrawn', previous_id: null },
  ])
})

t.setTimeout(360_000)

onEachStore(t, 'a confirm makes up for what was missed', async (t, rig) => {
  const runner = await rig.addRunner()
  await rig.submit()
  for (let misses = 0; misses < 2; misses++) {
    await rig.reserve(runner)
    await rig.wait(30)
    await rig.heartbeat(runner)
  }
  t.equal((await rig.runner(runner.id)).misses, 2)
  const [reservation] = await rig.reserve(runner)
  await rig.confirm(runner, reservation!)
  t.match(await rig.runner(runner.id), { misses: 0, unhealthy_until: null })
})
