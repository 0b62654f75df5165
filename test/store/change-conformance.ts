/* The changes of every store: their numbers, the writes that raise one, and the kept part. */

import { type Change, subjectOf } from '../../src/store/change.ts'
import type { Store } from '../../src/store/store.ts'
import type { Topic } from '../../src/store/topic.ts'
import { execution, job, log, runner } from '../support/rows.ts'
import { named } from '../support/server-caller.ts'
import type { StoreTest } from './conformance.ts'

const rowsAfter = (store: Store, number = 0) => store.read(tx => tx.changesAfter(number, 1000))

async function changesAfter(store: Store, number: number): Promise<Change[]> {
  return (await rowsAfter(store, number)).flatMap(({ changes }) => changes ?? [])
}

export async function changeConformance(test: StoreTest): Promise<void> {
  await test('each commit has the numbers behind those of the commit before, also after a restart', async (t, subject) => {
    t.equal(await subject.store.read(tx => tx.newestChange()), 0)
    const ids: string[] = []
    for (let commit = 0; commit < 4; commit++) {
      const rows = [execution(), execution()]
      await subject.store.write(async tx => {
        for (const row of rows) tx.putExecution(row)
      })
      ids.push(...rows.map(({ id }) => id))
      // Also where the clock goes back.
      if (commit === 1) subject.now -= 60_000
      if (commit === 2) await subject.reopen()
    }
    const rows = await rowsAfter(subject.store)
    let before = 0
    for (const { number, after, changes } of rows) {
      t.equal(after, before)
      t.ok(number - changes!.length >= after, 'no number is given twice')
      before = number
    }
    t.equal(await subject.store.read(tx => tx.newestChange()), before)
    t.same(
      rows.flatMap(({ changes }) => changes!.map(({ id }) => id)),
      ids,
    )
    t.ok(rows[0]!.number >= 1000 * 1_000_000_000_000, 'they begin with the time')
  })

  await test('what people look at raises a change when it changes, and nothing else does', async (t, {
    store,
  }) => {
    const [row, owner] = [execution({ job_name: 'a', submitter: 's' }), runner({ seen_until: 1e15 })]
    const topics: Topic[] = []
    store.subscribe(topic => topics.push(topic))
    const changed = async (body: Parameters<Store['write']>[0]) => {
      const before = await store.read(tx => tx.newestChange())
      topics.length = 0
      await store.write(body)
      // A listener hears of it in a microtask.
      await new Promise(setImmediate)
      const changes = await changesAfter(store, before)
      t.equal(
        topics.filter(({ about }) => about === 'changes').length,
        changes.length > 0 ? 1 : 0,
        'listeners hear of it once',
      )
      return changes
    }
    const subjects = async (body: Parameters<Store['write']>[0]) => (await changed(body)).map(subjectOf)
    t.same(await changed(async tx => tx.putExecution(row)), [
      {
        topic: 'execution',
        id: row.id,
        namespace: 'default',
        state: 'queued',
        job_name: 'a',
        submitter: 's',
      },
    ])
    const putExecution = (more: Partial<typeof row>) =>
      changed(async tx => tx.putExecution({ ...(await tx.execution(row.id))!, ...more }))
    t.same(await putExecution({ deadline: 5 }), [], 'a lease goes on')
    t.match(await putExecution({ state: 'running', runner_id: owner.id }), [{ id: row.id, state: 'running' }])
    const grown = async (length: number) =>
      changed(async tx => {
        await tx.execution(row.id)
        tx.putLog(log(row.id, length))
      })
    t.match(await grown(3), [{ topic: 'execution', id: row.id, state: 'running', log_length: 3 }])
    const both = await changed(async tx => {
      tx.putExecution({ ...(await tx.execution(row.id))!, state: 'succeeded' })
      await tx.log(row.id)
      tx.putLog(log(row.id, 9))
      tx.putExecution({ ...(await tx.execution(row.id))!, error_message: 'more' })
    })
    t.match(both, [{ id: row.id, state: 'succeeded', log_length: 9 }], 'one change of one thing')
    t.equal(both.length, 1)

    t.same(await subjects(async tx => tx.putRunner(owner)), [`runner null ${owner.id}`])
    const putRunner = (more: Partial<typeof owner>) =>
      subjects(async tx => tx.putRunner({ ...(await tx.runner(owner.id))!, ...more }))
    t.same(await putRunner({ last_heartbeat_at: 9, free_slots: 3, executors: [] }), [])
    t.same(await putRunner({ set: { enabled: false } }), [`runner null ${owner.id}`])
    const group = { name: 'g', mode: 'all', leader_runner_id: null, pinned_runner_id: null } as const
    t.same(await subjects(async tx => tx.putGroup(group)), ['group null g'])
    t.same(await subjects(async tx => tx.putJob(job('a'))), ['job default a'])
    t.same(await subjects(async tx => tx.deleteJob(named('a'))), ['job default a'])
    t.same(await subjects(async tx => tx.deleteJob(named('a'))), [], 'it was not there')
    const paused = (namespace: string | null) =>
      subjects(async tx => tx.notify({ about: 'schedules', namespace }))
    t.same(await paused(null), ['schedule null null'])
    t.same(await paused('own'), ['schedule own null'])
    t.same(
      await subjects(async tx => {
        tx.setMeta('m', 'v')
        tx.notify({ about: 'slot', runner_id: owner.id })
      }),
      [],
    )
    await t.rejects(
      store.write(async tx => {
        tx.putJob(job('none'))
        throw new Error('boom')
      }),
    )
    t.same(
      await subjects(async tx => tx.putJob(job('b'))),
      ['job default b'],
      'a writer that fails changes nothing',
    )
  })

  await test('old changes are removed, and the number of the latest one stays', async (t, subject) => {
    const { store } = subject
    for (let commit = 0; commit < 5; commit++) {
      await store.write(async tx => tx.putJob(job(`j${commit}`)))
    }
    const { watched } = await store.read(async tx => ({ watched: tx.watched }))
    const remove = (time: number, limit: number) => store.write(tx => tx.removeChanges(time, limit))
    t.equal(await remove(watched, 10), 0, 'none is that old')
    t.equal(await remove(watched + 1, 3), 3)
    t.match(await changesAfter(store, 0), [{ id: 'j3' }, { id: 'j4' }])
    t.equal(await remove(watched + 1, 3), 1)
    t.equal(await remove(watched + 1, 3), 0)
    const [last] = await rowsAfter(store)
    await subject.reopen()
    await subject.store.write(async tx => tx.putJob(job('next')))
    t.match(await rowsAfter(subject.store, last!.number), [
      { after: last!.number, changes: [{ id: 'next' }] },
    ])
  })

  await test('more changes of one commit than a row takes are counted, not listed', async (t, { store }) => {
    await store.write(async tx => {
      for (let count = 0; count < 10_001; count++) tx.putGroup({ ...group, name: `g${count}` })
    })
    const [row] = await rowsAfter(store)
    t.equal(row?.changes, null)
    await store.write(async tx => tx.putJob(job('a')))
    t.match(await rowsAfter(store, row!.number), [{ after: row!.number, changes: [{ id: 'a' }] }])
  })
}

const group = { mode: 'all', leader_runner_id: null, pinned_runner_id: null } as const
