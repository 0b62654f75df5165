import t from 'tap'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { callerOf } from '../../../src/server/state/caller.ts'
import { call, connected, registered, uuid } from '../../support/runners.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a call needs the header, its own path and the session of its token', async (t, rig) => {
  const session = await registered(rig)
  t.match(await rig.write(tx => callerOf(tx, rig.ctx, session.token, undefined)), {
    failure: { reason: 'malformed' },
  })
  t.match(await call(rig, session, 2), { failure: { reason: 'malformed' } })
  t.match(await call(rig, session, 0), { failure: { reason: 'session-superseded' } })
  t.match(await call(rig, session, 1, uuid(2)), { failure: { reason: 'not-yours' } })
  t.match(await rig.read(tx => tx.runner(uuid(1))), { session: 0, seen_until: 0 })
  t.match(await call(rig, session, 1, uuid(1)), { ok: true })
})

onEachStore(
  t,
  'calls keep a runner connected for a lease, without a write for each of them',
  async (t, rig) => {
    const session = await connected(rig)
    const seen = async () => (await rig.read(tx => tx.runner(uuid(1))))!.seen_until
    const first = await seen()
    t.equal(first, rig.now() + 60_000)
    rig.pass(10)
    await call(rig, session)
    t.equal(await seen(), first)
    rig.pass(0.001)
    await call(rig, session)
    t.equal(await seen(), first + 10_001)
    const state = async () => {
      const view = await rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
      return view.ok && view.value.state
    }
    rig.pass(60)
    t.equal(await state(), 'disconnected')
    await call(rig, session)
    t.equal(await state(), 'ready')
  },
)
