import t from 'tap'
import { Runner } from '../../../src/protocol/messages/runners.ts'
import { checkOf } from '../../../src/protocol/validation.ts'
import { getRunner } from '../../../src/server/operator-side/get-runner.ts'
import { connected, registration, uuid } from '../../support/runners.ts'
import { change, sent } from '../../support/sent.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a runner is shown as the protocol says', async (t, rig) => {
  await connected(rig, registration({ metadata: { rack: '7' } }))
  const id = await sent(rig)
  await change(rig, id, { state: 'running', runner_id: uuid(1) })
  const seen = await rig.read(tx => getRunner(tx, rig.ctx, uuid(1)))
  t.ok(seen.ok)
  if (!seen.ok) return
  t.match(checkOf('body', Runner)(seen.value), { ok: true })
  t.match(seen.value, { running: [id], metadata: { rack: '7' }, role: null, last_heartbeat_at: null })
})
