import { hash } from 'node:crypto'
import t from 'tap'
import { newLog } from '../../../src/server/rules/log-row.ts'
import { hashBytes, hashNoMore, hashStored, takeHash } from '../../../src/server/state/log-hash.ts'
import { newExecution } from '../../../src/server/state/new-execution.ts'
import { serverTest } from '../../support/server.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'
import { stores } from '../../support/stores.ts'

const sha256 = (bytes: Uint8Array) => hash('sha256', bytes)

/** A log in the store, of which nothing is remembered. */
async function logged(rig: ServerRig, bytes: Buffer): Promise<string> {
  const id = await rig.write(async tx => {
    const row = newExecution(
      tx,
      rig.ctx,
      { body: { image: 'x' }, sealed: '' },
      { namespace: 'default', owner: null, job_name: null, submitter: null },
    )
    tx.putExecution({ ...row, runner_id: 'one' })
    tx.putLog({ ...newLog(row.id), length: bytes.length })
    return row.id
  })
  for (let at = 0; at < bytes.length; at += 1 << 20)
    await rig.write(tx => tx.writeLog(id, at, bytes.subarray(at, at + (1 << 20))))
  return id
}

onEachStore(t, 'the hash of a log is made of the bytes as they come', async (t, rig) => {
  const { ctx } = rig
  hashBytes(ctx, 'a', 0, Buffer.from('ab'))
  hashBytes(ctx, 'a', 2, Buffer.from('c'))
  t.equal(takeHash(ctx, 'a', 2), undefined, 'not of another length')
  t.equal(takeHash(ctx, 'a', 3), sha256(Buffer.from('abc')))
  t.equal(takeHash(ctx, 'a', 3), undefined, 'it is forgotten')
  hashBytes(ctx, 'b', 0, Buffer.from('abc'))
  hashBytes(ctx, 'b', 2, Buffer.from('x'))
  t.equal(takeHash(ctx, 'b', 3), undefined, 'other bytes in their place make it unknown')
  hashBytes(ctx, 'b', 0, Buffer.from('xyz'))
  t.equal(takeHash(ctx, 'b', 3), sha256(Buffer.from('xyz')))
  hashNoMore(ctx, 'c')
  hashBytes(ctx, 'c', 3, Buffer.from('x'))
  t.equal(takeHash(ctx, 'c', 4), undefined)
})

onEachStore(t, 'what is not remembered is hashed from the store, for who holds it', async (t, rig) => {
  const bytes = Buffer.alloc((5 << 20) + 7, 'a log\n')
  const id = await logged(rig, bytes)
  await hashStored(rig, rig.ctx, id, bytes.length, 'another')
  t.equal(takeHash(rig.ctx, id, bytes.length), undefined)
  await hashStored(rig, rig.ctx, id, bytes.length + 1, 'one')
  t.equal(takeHash(rig.ctx, id, bytes.length), undefined, 'not beyond what is there')
  await Promise.all([
    hashStored(rig, rig.ctx, id, bytes.length, 'one'),
    hashStored(rig, rig.ctx, id, bytes.length, 'one'),
  ])
  t.equal(takeHash(rig.ctx, id, bytes.length), sha256(bytes))
  await hashStored(rig, rig.ctx, id, 1000, 'one')
  hashBytes(rig.ctx, id, 1000, bytes.subarray(1000))
  t.equal(takeHash(rig.ctx, id, bytes.length), sha256(bytes), 'and goes on with what comes')
})

serverTest(
  t,
  'a log is compared with the hash of its result, also behind a restart',
  { stores, settings: { lease_seconds: 60 } },
  async (t, server) => {
    const runner = await server.runner()
    const mebi = Buffer.alloc(1 << 20, 'line\n')
    const all = Buffer.concat([mebi, mebi, mebi])
    for (const [sent, complete] of [
      [sha256(all), true],
      [sha256(mebi), false],
    ] as const)
      for (const restarts of [false, true]) {
        const { id } = await server.submit()
        const reservation = await runner.begin()
        for (let at = 0; at < all.length; at += mebi.length) await runner.log(reservation, at, mebi)
        if (restarts) {
          await server.stop()
          await server.restart()
        }
        const result = { log_length: all.length, log_sha256: sent }
        t.equal((await runner.result(reservation, result)).status, 204)
        t.equal((await server.execution(id)).log.complete, complete)
      }
  },
)
