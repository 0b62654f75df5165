import t from 'tap'
import type { Script } from '../../../src/protocol/messages/scripts.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { patchGroup } from '../../../src/server/operator-side/patch-group.ts'
import { patchRunner } from '../../../src/server/operator-side/patch-runner.ts'
import { submitScript } from '../../../src/server/operator-side/script.ts'
import { requeue } from '../../../src/server/rules/transitions.ts'
import { connected, registered, uuid } from '../../support/runners.ts'
import { scriptBy } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const script: Script = { image: 'x', command: ['sh', '-c', 'date'] }

const send = (rig: ServerRig, more: Partial<Script> = {}) =>
  rig.write(tx => submitScript(tx, rig.ctx, { ...script, ...more }, scriptBy()))

onEachStore(
  t,
  'a script is reserved for its runner at once, which is told, and is never queued',
  async (t, rig) => {
    await connected(rig, { runner_group: 'g' })
    const heard = new Promise(resolve => rig.store.subscribe(resolve))
    const answer = await send(rig, { runner_id: uuid(1) })
    t.match(answer, {
      ok: true,
      value: { kind: 'script', state: 'reserved', runner_id: uuid(1), runner_group: 'g' },
    })
    if (!answer.ok) return
    const row = (await rig.read(tx => tx.execution(answer.value.id)))!
    t.match(row, {
      target_runner_id: uuid(1),
      session: 1,
      deadline: rig.now() + 30_000,
      retries_left: 0,
      lease_id: /^[0-9a-f-]{36}$/,
    })
    t.match(await rig.read(tx => tx.definition(row.group)), { body: { command: script.command } })
    t.same(await heard, { about: 'runner', id: uuid(1) })
    t.match(requeue(row, { now: rig.now(), watched: rig.now() }), {
      state: 'failed',
      reason: 'not-confirmed',
    })
  },
)

onEachStore(
  t,
  'a script needs a free slot, and two that race for the last one do not both get it',
  async (t, rig) => {
    await connected(rig)
    await rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), { capacity: 1 }))
    const answers = await Promise.all([send(rig), send(rig)])
    t.match(answers, [{ ok: true }, { failure: { reason: 'runner-busy' } }])
    t.match(await send(rig, { runner_id: uuid(1) }), { failure: { reason: 'runner-busy' } })
  },
)

onEachStore(t, 'without a runner named, the one with the most free slots gets it', async (t, rig) => {
  await connected(rig, { uuid: uuid(1) })
  rig.pass(0.001)
  await connected(rig, { uuid: uuid(2) })
  const who = async () => {
    const answer = await send(rig)
    return answer.ok ? answer.value.runner_id : answer.failure.reason
  }
  t.same([await who(), await who(), await who()], [uuid(1), uuid(2), uuid(1)])
})

onEachStore(t, 'a standby may get a script', async (t, rig) => {
  await connected(rig)
  rig.pass(0.001)
  await connected(rig, { uuid: uuid(2) })
  await rig.write(tx => patchGroup(tx, rig.ctx, 'default', { mode: 'leader' }))
  t.match(await send(rig, { runner_id: uuid(2) }), { ok: true, value: { runner_id: uuid(2) } })
})

onEachStore(t, 'who cannot take a script is not given one, and the answer says why', async (t, rig) => {
  const refused = async (more: Partial<Script>, reason: string, detail = /./) => {
    t.match(await send(rig, more), { ok: false, failure: { reason, detail } })
  }
  await refused({}, 'runner-unavailable', /remote-script/)
  await refused({ runner_id: uuid(1) }, 'not-found')
  await registered(rig)
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /not connected/)
  await connected(rig, { capabilities: ['remote'] })
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /no capability remote-script/)
  await refused({}, 'runner-unavailable')
  await connected(rig)
  await rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), { enabled: false }))
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /disabled/)
  await rig.write(tx => patchRunner(tx, rig.ctx, uuid(1), { enabled: true, taints: ['t'] }))
  await refused({}, 'runner-unavailable', /without a taint/)
  t.match(await send(rig, { runner_id: uuid(1) }), { ok: true })
  rig.pass(60)
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /not connected/)
  await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1)))
  await refused({ runner_id: uuid(1) }, 'deleted')
  t.same(await rig.read(tx => tx.listExecutions({ states: ['queued'] }, { limit: 9 })), [])
})
