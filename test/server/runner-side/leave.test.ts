import t from 'tap'
import { ok } from '../../../src/result.ts'
import { leave } from '../../../src/server/runner-side/leave.ts'
import { onEachStore, type Place, type ServerRig } from '../../support/server-rig.ts'

t.setTimeout(360_000)

const leaving = (rig: ServerRig, runner: Place, back_within_seconds: number) =>
  rig.call(runner.id, runner.session, async (tx, caller) =>
    ok(await leave(tx, rig.ctx, caller, { back_within_seconds })),
  )

onEachStore(
  t,
  'leases last until a runner that left is back, and it gets nothing until then',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const { execution_id: id } = await rig.start(runner, { retries: 1 })
    const waiting = await rig.submit()
    t.equal((await rig.reserve(runner)).length, 1)
    await leaving(rig, runner, 3600)
    t.match(await rig.execution(waiting), { state: 'queued', unconfirmed: 0 })
    t.same(await rig.reserve(runner), [])
    await rig.wait(3600 - 5)
    t.match(await rig.execution(id), { state: 'running' })
    t.same((await rig.heartbeat(runner, [id])).leases, { [id]: 60 })
    t.equal((await rig.reserve(runner)).length, 1)
  },
)

onEachStore(t, 'a leave never shortens a lease', async (t, rig) => {
  const runner = await rig.addRunner()
  const { execution_id: id } = await rig.start(runner)
  await leaving(rig, runner, 0)
  t.match(await rig.execution(id), { deadline: rig.clock.wall + 60_000 })
})
