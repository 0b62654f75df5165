import t from 'tap'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import type { ExecutionRow } from '../../../src/store/rows.ts'
import { call, connected, patch, uuid, viewOf } from '../../support/runners.ts'
import { askedBy } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

async function holds(rig: ServerRig, to: Partial<ExecutionRow>): Promise<string> {
  const answer = await rig.write(tx => submit(tx, rig.ctx, { image: 'x' }, askedBy()))
  if (!answer.ok) throw new Error(answer.failure.reason)
  const { id } = answer.value
  await rig.write(async tx =>
    tx.putExecution({ ...(await tx.execution(id))!, runner_id: uuid(1), deadline: tx.now + 1, ...to }),
  )
  return id
}

onEachStore(
  t,
  'a deleted runner leaves a tombstone; what it held is aborted; every call of it is refused',
  async (t, rig) => {
    const session = await connected(rig)
    const held = [
      await holds(rig, { state: 'reserved' }),
      await holds(rig, { state: 'running' }),
      await holds(rig, { state: 'aborting' }),
      await holds(rig, { state: 'lost' }),
    ]
    const next = await holds(rig, { state: 'queued', runner_id: null })
    const lost = await holds(rig, { state: 'lost', next_id: next })
    const ended = await holds(rig, { state: 'succeeded', finished_at: rig.now() })
    await rig.write(async tx => tx.putExecution({ ...(await tx.execution(next))!, previous_id: lost }))

    t.match(await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1))), { ok: true })
    for (const id of held)
      t.match(await rig.read(tx => tx.execution(id)), {
        state: 'aborted',
        finished_at: rig.now(),
        deadline: null,
        reason: 'runner-deleted',
      })
    t.match(await rig.read(tx => tx.execution(lost)), {
      state: 'lost',
      finished_at: rig.now(),
      next_id: null,
    })
    t.match(await rig.read(tx => tx.execution(next)), { state: 'queued', previous_id: null })
    t.match(await rig.read(tx => tx.execution(ended)), { state: 'succeeded' })
    t.match(await viewOf(rig), { state: 'deleted', deleted: true, running: [] })
    t.match(await call(rig, session), { failure: { reason: 'deleted' } })
    t.match(await patch(rig, { capacity: 1 }), { failure: { reason: 'deleted' } })
    t.match(await rig.write(tx => deleteRunner(tx, rig.ctx, uuid(1))), { ok: true })
  },
)
