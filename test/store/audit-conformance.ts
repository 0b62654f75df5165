/* The audit log of every store: its chain, its ends, its searches. */

import { type AuditFacts, ChainCheck, chainStart } from '../../src/protocol/audit-chain.ts'
import type { AuditEntry } from '../../src/protocol/messages/audit.ts'
import type { AuditRow } from '../../src/store/rows.ts'
import type { Store } from '../../src/store/store.ts'
import { execution } from '../support/rows.ts'
import type { StoreTest } from './conformance.ts'

const facts = (more: Partial<AuditFacts> = {}): AuditFacts => ({
  token_id: null,
  token_name: null,
  token_kind: null,
  address: null,
  call: 'putJob',
  method: 'PUT',
  path: '/v1/jobs/a',
  namespace: null,
  object: null,
  status: 200,
  reason: null,
  request_id: null,
  count: 1,
  before: null,
  after: null,
  ...more,
})

const all = { from: 0, below: Number.MAX_SAFE_INTEGER, limit: 1000 }

const rowsOf = (store: Store): Promise<AuditRow[]> => store.read(tx => tx.listAudit({}, all))

/** The first break that a reader of all entries finds. */
async function breakIn(store: Store) {
  const { ends, begins, rows } = await store.read(async tx => ({
    ...(await tx.auditEnds()),
    rows: await tx.listAudit({}, all),
  }))
  const check = new ChainCheck(ends)
  for (const row of rows) check.add(row as AuditEntry)
  return check.finish(begins).broken
}

export async function auditConformance(test: StoreTest): Promise<void> {
  await test('entries of the audit log are one chain, whatever writers share a transaction', async (t, subject) => {
    const { store } = subject
    const one = (object: string) => store.write(async tx => tx.audit(facts({ object })))
    await Promise.all([
      one('a'),
      store.write(async tx => {
        tx.audit(facts({ object: 'b' }))
        tx.audit(facts({ object: 'c', after: { z: 1, a: ['\u{1f600}', 'ü', 1.5] } }))
      }),
      store
        .write(async tx => {
          tx.audit(facts({ object: 'lost' }))
          // This read sends the entry above to the database; after the error, its place in memory must be
          // forgotten with it.
          tx.putExecution(execution())
          await tx.listExecutions({}, { limit: 1 })
          throw new Error('no')
        })
        .catch(() => {}),
      one('d'),
    ])
    await subject.reopen()
    await subject.store.write(async tx => tx.audit(facts({ object: 'e' })))
    const rows = await rowsOf(subject.store)
    t.same(rows.map(({ object }) => object).toSorted(), ['a', 'b', 'c', 'd', 'e'])
    t.same(
      rows.map(({ number }) => number),
      [5, 4, 3, 2, 1],
    )
    t.equal(rows.at(-1)?.previous, chainStart.hash)
    t.equal(await breakIn(subject.store), undefined)
  })

  await test('retention removes the oldest entries, and the chain goes on from there', async (t, subject) => {
    for (let n = 1; n <= 5; n++) {
      await subject.store.write(async tx => tx.audit(facts({ object: String(n) })))
      subject.now += 1000
    }
    const third = Date.parse((await rowsOf(subject.store))[2]!.at)
    const remove = (limit: number) => subject.store.write(tx => tx.removeAudit(third, limit))
    t.equal(await remove(1), 1)
    t.equal(await remove(10), 1)
    t.equal(await remove(10), 0)
    t.same(
      (await rowsOf(subject.store)).map(({ number }) => number),
      [5, 4, 3],
    )
    t.equal((await subject.store.read(tx => tx.auditEnds())).begins.number, 2)
    t.equal(await breakIn(subject.store), undefined)
    await subject.store.write(tx => tx.removeAudit(Number.MAX_SAFE_INTEGER, 10))
    t.equal(await breakIn(subject.store), undefined, 'also where nothing is left')
    await subject.store.write(async tx => tx.audit(facts({ object: '6' })))
    t.equal((await rowsOf(subject.store))[0]?.number, 6)
    t.equal(await breakIn(subject.store), undefined)
  })

  await test('the audit log is searched by token, call, namespace, object and time', async (t, subject) => {
    const { store } = subject
    await store.write(async tx => {
      tx.audit(facts({ token_id: 'id-1', token_name: 'ci', object: 'a' }))
      tx.audit(facts({ call: 'deleteJob', namespace: 'prod', object: 'b' }))
    })
    subject.now += 5000
    await store.write(async tx => tx.audit(facts({ object: 'c' })))
    const { at } = (await rowsOf(store))[0]!
    const found = (filter: Parameters<Parameters<Parameters<Store['read']>[0]>[0]['listAudit']>[0]) =>
      store.read(async tx => (await tx.listAudit(filter, all)).map(({ object }) => object))
    t.same(await found({ token: 'id-1' }), ['a'])
    t.same(await found({ token: 'ci' }), ['a'])
    t.same(await found({ call: 'deleteJob' }), ['b'])
    t.same(await found({ namespace: 'prod' }), ['b'])
    t.same(await found({ object: 'c' }), ['c'])
    t.same(await found({ since: Date.parse(at) }), ['c'])
    t.same(await found({ until: Date.parse(at) }), ['b', 'a'])
    t.equal(await store.read(tx => tx.auditSince(Date.parse(at))), 3)
    t.equal(await store.read(tx => tx.auditSince(Date.parse(at) + 1)), undefined)
    t.same(await store.read(async tx => (await tx.auditAfter(1, 1)).map(({ number }) => number)), [2])
  })

  await test('the first entry from a time on is found among hundreds', async (t, subject) => {
    const { store } = subject
    const since = (time: number) => store.read(tx => tx.auditSince(time))
    t.equal(await since(0), undefined)
    const times: number[] = []
    for (let batch = 0; batch < 5; batch++) {
      await store.write(async tx => {
        for (let n = 0; n < 70; n++) tx.audit(facts())
      })
      times.push(Date.parse((await store.read(tx => tx.auditAfter(batch * 70, 1)))[0]!.at))
      subject.now += 5000
    }
    for (const [batch, time] of times.entries()) t.equal(await since(time), batch * 70 + 1)
    t.equal(await since(times.at(-1)! + 1), undefined)
    await store.write(tx => tx.removeAudit(times[1]!, 70))
    t.equal(await since(0), 71, 'after retention')
  })

  await test('an entry is read as it was written, with and without what may be null', async (t, {
    store,
  }) => {
    const whole = facts({
      token_id: 'id',
      token_name: 'ci',
      token_kind: 'admin',
      address: '::1',
      namespace: 'prod',
      object: 'x',
      reason: 'no',
      request_id: 'r',
      before: { a: null },
      after: [0],
    })
    await store.write(async tx => {
      tx.audit(whole)
      tx.audit(facts({ status: null, method: null, path: null }))
    })
    const [second, first] = await rowsOf(store)
    t.match(first, whole)
    t.match(second, facts({ status: null, method: null, path: null }))
    t.equal(await breakIn(store), undefined)
  })
}
