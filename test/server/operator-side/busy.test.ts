import t from 'tap'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { busy, busyRows } from '../../../src/server/operator-side/busy.ts'
import { newExecution } from '../../../src/server/state/new-execution.ts'
import { change, logged, sent, view } from '../../support/sent.ts'
import { everything } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

async function allBusy(rig: ServerRig): Promise<Execution[]> {
  const all: Execution[] = []
  for await (const one of busy(rig, rig.ctx, await rig.read(tx => busyRows(tx, everything)))) all.push(one)
  return all
}

onEachStore(t, 'busy are those that run or are being ended, all of them', async (t, rig) => {
  const ids = [await sent(rig), await sent(rig), await sent(rig), await sent(rig)]
  await change(rig, ids[0]!, { state: 'running' })
  await change(rig, ids[1]!, { state: 'reserved' })
  await change(rig, ids[2]!, { state: 'aborting' })
  const seen = await allBusy(rig)
  t.same(seen.map(execution => execution.id).toSorted(), [ids[0], ids[2]])
})

onEachStore(t, 'where thousands run, each shows less of its log, and none is left out', async (t, rig) => {
  const ids = await rig.write(async tx =>
    Array.from({ length: 2048 }, () => {
      const row = newExecution(
        tx,
        rig.ctx,
        { body: { image: 'x' }, sealed: '' },
        { namespace: 'default', owner: null, job_name: null, submitter: null },
      )
      tx.putExecution({ ...row, state: 'running' })
      return row.id
    }),
  )
  await logged(rig, ids[0]!, Buffer.alloc(70_000, 'a'))
  const seen = await allBusy(rig)
  t.equal(new Set(seen.map(execution => execution.id)).size, 2048)
  t.equal(seen.find(execution => execution.id === ids[0])?.output.length, 4096)
  t.equal((await view(rig, ids[0]!)).output.length, 65_536)
})
