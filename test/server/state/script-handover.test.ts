import t from 'tap'
import type { Script } from '../../../src/protocol/messages/scripts.ts'
import { rerun } from '../../../src/server/operator-side/rerun.ts'
import { submitScript } from '../../../src/server/operator-side/script.ts'
import { abort } from '../../../src/server/rules/transitions.ts'
import { connected, uuid } from '../../support/runners.ts'
import { askedBy, everything, scriptBy } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const script: Script = { image: 'x', command: ['sh', '-c', 'date'] }

const send = (rig: ServerRig, more: Partial<Script> = {}) =>
  rig.write(tx => submitScript(tx, rig.ctx, { ...script, ...more }, scriptBy()))

onEachStore(t, 'a script that has ended can be run again, on the same runner', async (t, rig) => {
  await connected(rig)
  rig.pass(0.001)
  await connected(rig, { uuid: uuid(2) })
  const first = await send(rig, { runner_id: uuid(2) })
  if (!first.ok) throw new Error(first.failure.reason)
  const again = () => rig.write(tx => rerun(tx, rig.ctx, everything, first.value.id, askedBy()))
  t.match(await again(), { failure: { reason: 'not-finished' } })
  await rig.write(async tx => {
    const aborted = abort((await tx.execution(first.value.id))!, tx.now)
    if (aborted.ok) tx.putExecution(aborted.value)
  })
  t.match(await again(), { ok: true, value: { kind: 'script', state: 'reserved', runner_id: uuid(2) } })
})
