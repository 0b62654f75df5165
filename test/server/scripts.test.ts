import t from 'tap'
import type { Script } from '../../src/protocol/messages.ts'
import { abort, requeue } from '../../src/server/executions.ts'
import { patchGroup } from '../../src/server/groups.ts'
import { deleteRunner, patchRunner } from '../../src/server/runners.ts'
import { submitScript } from '../../src/server/scripts.ts'
import { rerun } from '../../src/server/submit.ts'
import { connected, registered, uuid } from '../support/runners.ts'
import { onEachStore, type ServerRoom } from '../support/server-room.ts'

const script: Script = { image: 'x', command: ['sh', '-c', 'date'] }
const send = (room: ServerRoom, more: Partial<Script> = {}) =>
  room.write(tx => submitScript(tx, room.ctx, { ...script, ...more }))

onEachStore(
  t,
  'a script is reserved for its runner at once, which is told, and is never queued',
  async (t, room) => {
    await connected(room, { runner_group: 'g' })
    const heard = new Promise(resolve => room.store.subscribe(resolve))
    const answer = await send(room, { runner_id: uuid(1) })
    t.match(answer, {
      ok: true,
      value: { kind: 'script', state: 'reserved', runner_id: uuid(1), runner_group: 'g' },
    })
    if (!answer.ok) return
    const row = (await room.read(tx => tx.execution(answer.value.id)))!
    t.match(row, {
      target_runner_id: uuid(1),
      session: 1,
      deadline: room.now() + 30_000,
      retries_left: 0,
      lease_id: /^[0-9a-f-]{36}$/,
    })
    t.match(await room.read(tx => tx.definition(row.group)), { body: { command: script.command } })
    t.same(await heard, { about: 'runner', id: uuid(1) })
    t.match(requeue(row, { now: room.now(), watched: room.now() }), {
      state: 'failed',
      reason: 'not-confirmed',
    })
  },
)

onEachStore(
  t,
  'a script needs a free slot, and two that race for the last one do not both get it',
  async (t, room) => {
    await connected(room)
    await room.write(tx => patchRunner(tx, room.ctx, uuid(1), { capacity: 1 }))
    const answers = await Promise.all([send(room), send(room)])
    t.match(answers, [{ ok: true }, { failure: { reason: 'runner-busy' } }])
    t.match(await send(room, { runner_id: uuid(1) }), { failure: { reason: 'runner-busy' } })
  },
)

onEachStore(t, 'without a runner named, the one with the most free slots gets it', async (t, room) => {
  await connected(room, { uuid: uuid(1) })
  room.pass(1)
  await connected(room, { uuid: uuid(2) })
  const who = async () => {
    const answer = await send(room)
    return answer.ok ? answer.value.runner_id : answer.failure.reason
  }
  t.same([await who(), await who(), await who()], [uuid(1), uuid(2), uuid(1)])
})

onEachStore(t, 'a standby may get a script', async (t, room) => {
  await connected(room)
  room.pass(1)
  await connected(room, { uuid: uuid(2) })
  await room.write(tx => patchGroup(tx, room.ctx, 'default', { mode: 'leader' }))
  t.match(await send(room, { runner_id: uuid(2) }), { ok: true, value: { runner_id: uuid(2) } })
})

onEachStore(t, 'who cannot take a script is not given one, and the answer says why', async (t, room) => {
  const refused = async (more: Partial<Script>, reason: string, detail = /./) => {
    t.match(await send(room, more), { ok: false, failure: { reason, detail } })
  }
  await refused({}, 'runner-unavailable', /remote-script/)
  await refused({ runner_id: uuid(1) }, 'not-found')
  await registered(room)
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /not connected/)
  await connected(room, { capabilities: ['remote'] })
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /no capability remote-script/)
  await refused({}, 'runner-unavailable')
  await connected(room)
  await room.write(tx => patchRunner(tx, room.ctx, uuid(1), { enabled: false }))
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /disabled/)
  await room.write(tx => patchRunner(tx, room.ctx, uuid(1), { enabled: true, taints: ['t'] }))
  await refused({}, 'runner-unavailable', /without a taint/)
  t.match(await send(room, { runner_id: uuid(1) }), { ok: true })
  room.pass(60_000)
  await refused({ runner_id: uuid(1) }, 'runner-unavailable', /not connected/)
  await room.write(tx => deleteRunner(tx, room.ctx, uuid(1)))
  await refused({ runner_id: uuid(1) }, 'deleted')
  t.same(await room.read(tx => tx.listExecutions({ states: ['queued'] }, { limit: 9 })), [])
})

onEachStore(t, 'a script that has ended can be run again, on the same runner', async (t, room) => {
  await connected(room)
  room.pass(1)
  await connected(room, { uuid: uuid(2) })
  const first = await send(room, { runner_id: uuid(2) })
  if (!first.ok) throw new Error(first.failure.reason)
  const again = () =>
    room.write(tx => rerun(tx, room.ctx, first.value.id, { token_id: 't', body_sha256: '' }))
  t.match(await again(), { failure: { reason: 'not-finished' } })
  await room.write(async tx => {
    const aborted = abort((await tx.execution(first.value.id))!, tx.now)
    if (aborted.ok) tx.putExecution(aborted.value)
  })
  t.match(await again(), { ok: true, value: { kind: 'script', state: 'reserved', runner_id: uuid(2) } })
})
