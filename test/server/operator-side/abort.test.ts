import t from 'tap'
import { onEachStore } from '../../support/server-rig.ts'

t.setTimeout(360_000)

onEachStore(t, 'an abort of what is lost withdraws what was to be tried in its place', async (t, rig) => {
  const runner = await rig.addRunner()
  const lost = await rig.start(runner, { retries: 1 })
  await rig.wait(65)
  await rig.abort(lost.execution_id)
  t.match(await rig.attempts(lost.execution_id), [{ state: 'aborted' }, { state: 'withdrawn' }])
  t.same((await rig.heartbeat(runner, [lost.execution_id])).gone, [lost.execution_id])
})

onEachStore(t, 'an abort of an attempt that waits leaves the lost one before it be', async (t, rig) => {
  const runner = await rig.addRunner()
  const lost = await rig.start(runner, { retries: 1 })
  await rig.wait(65)
  const [, next] = await rig.attempts(lost.execution_id)
  await rig.abort(next!.id)
  t.same((await rig.heartbeat(runner, [lost.execution_id])).leases, { [lost.execution_id]: 60 })
  t.match(await rig.attempts(lost.execution_id), [{ state: 'running' }, { state: 'aborted' }])
})
