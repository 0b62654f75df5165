/* The promises of every store about the bytes of logs. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Store } from '../../src/store/store.ts'
import { execution, log } from '../support/rows.ts'
import type { WithStore } from './conformance.ts'

const mebibyte = 1 << 20

/** Writes bytes, and a row that counts them. */
export function write(
  store: Store,
  id: string,
  offset: number,
  bytes: Uint8Array,
  length = 0,
): Promise<void> {
  return store.write(async tx => {
    const before = (await tx.log(id))?.length ?? 0
    await tx.writeLog(id, offset, bytes)
    tx.putLog(log(id, Math.max(before, offset + bytes.length, length)))
  })
}

/** All bytes of a log from an offset on. */
export async function readAll(store: Store, id: string, offset = 0): Promise<Buffer> {
  return store.read(tx => tx.readLog(id, offset, 16 * mebibyte))
}

export async function logConformance(t: Test, withStore: WithStore): Promise<void> {
  await t.test('bytes of logs come back as they were put, one over the other', t =>
    withStore(async subject => {
      const piece = fc.record({
        at: fc.nat(100).map(n => n / 100),
        size: fc.oneof(fc.nat(20), fc.nat(5000), fc.constant(300_000), fc.constant(mebibyte)),
        log: fc.nat(1),
        together: fc.boolean(),
        seen: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async pieces => {
          const { store } = subject
          const logs = [0, 1].map(() => ({ id: randomUUID(), bytes: Buffer.alloc(0) }))
          let pending: Promise<unknown>[] = []
          for (const [index, { at, size, log: which, together, seen }] of pieces.entries()) {
            const { id, bytes: before } = logs[which]!
            const offset = Math.floor(before.length * at)
            const bytes = Buffer.alloc(size, index + 1)
            const after = Buffer.alloc(Math.max(before.length, offset + size))
            before.copy(after)
            bytes.copy(after, offset)
            logs[which]!.bytes = after
            const writing = store.write(async tx => {
              await tx.writeLog(id, offset, bytes)
              tx.putLog(log(id, after.length))
              if (seen && !(await tx.readLog(id, 0, after.length)).equals(after))
                throw new Error('the writer does not see what it has put')
            })
            pending.push(writing)
            if (!together) await Promise.all(pending)
            if (!together) pending = []
          }
          await Promise.all(pending)
          for (const { id, bytes } of logs)
            for (const from of [0, Math.floor(bytes.length / 3)])
              if (!(await readAll(store, id, from)).equals(bytes.subarray(from)))
                throw new Error(`from ${from} other bytes come back`)
        }),
        { numRuns: 25 },
      )
      t.pass('whatever was put')
    }),
  )

  await t.test('a log is read up to its length, and no further', t =>
    withStore(async ({ store }) => {
      const id = randomUUID()
      t.equal((await readAll(store, id)).length, 0)
      await write(store, id, 0, Buffer.from('0123456789'))
      await store.read(async tx => {
        t.equal(String(await tx.readLog(id, 2, 3)), '234')
        t.equal(String(await tx.readLog(id, 8, 100)), '89')
        t.equal((await tx.readLog(id, 10, 100)).length, 0)
        t.equal((await tx.readLog(id, 99, 100)).length, 0)
      })
    }),
  )

  await t.test(
    'what a writer has put that failed is not there, and the next one goes on behind what counts',
    t =>
      withStore(async ({ store }) => {
        const id = randomUUID()
        await write(store, id, 0, Buffer.from('good '))
        const failing = store.write(async tx => {
          await tx.writeLog(id, 0, Buffer.from('BAD '))
          await tx.writeLog(id, 5, Buffer.from('bad, and long'))
          tx.putLog(log(id, 18))
          throw new Error('boom')
        })
        const next = write(store, id, 5, Buffer.from('too'))
        await t.rejects(failing, { message: 'boom' })
        await next
        t.equal(String(await readAll(store, id)), 'good too')
      }),
  )

  await t.test('the middle of a log can be dropped; head and tail stay', t =>
    withStore(async subject => {
      const id = randomUUID()
      const bytes = Buffer.alloc(5 * mebibyte)
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at)
      for (let at = 0; at < bytes.length; at += mebibyte)
        await write(subject.store, id, at, bytes.subarray(at, at + mebibyte))
      const [head, tail] = [mebibyte / 2, 4 * mebibyte + 100]
      const drop = () =>
        subject.store.write(async tx => {
          await tx.dropLog(id, head, tail)
          tx.putLog(log(id, bytes.length, { head, tail }))
        })
      await drop()
      await drop()
      await subject.reopen()
      const { store } = subject
      t.ok((await readAll(store, id)).subarray(0, head).equals(bytes.subarray(0, head)), 'the head')
      t.ok((await readAll(store, id, tail)).equals(bytes.subarray(tail)), 'the tail')
      t.equal((await readAll(store, id, 2 * mebibyte)).length, 0, 'nothing of the middle')
      await write(store, id, bytes.length, Buffer.from('more'))
      t.equal(String(await readAll(store, id, bytes.length)), 'more')
    }),
  )

  await t.test('logs of removed executions are gone, also after a restart', t =>
    withStore(async subject => {
      const rows = [1, 2].map(finished_at => execution({ state: 'failed', finished_at }))
      const [old, young] = rows.map(({ id }) => id)
      await subject.store.write(async tx => {
        for (const row of rows) tx.putExecution(row)
      })
      for (const { id } of rows) await write(subject.store, id, 0, Buffer.alloc(2 * mebibyte, 1))
      await subject.store.write(tx => tx.removeEnded(2, 9))
      await subject.reopen()
      // A log that begins anew under the same name has nothing of the old one.
      await write(subject.store, old!, 0, Buffer.from('new'))
      t.equal(String(await readAll(subject.store, old!)), 'new')
      t.equal((await readAll(subject.store, young!)).length, 2 * mebibyte)
    }),
  )
}
