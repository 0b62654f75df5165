/*
 * The answers that every store must give about executions: lists, those of a runner or a job, due ones, and
 * ended ones.
 */
import { randomUUID } from 'node:crypto'
import type { ExecutionRow } from '../../src/store/rows.ts'
import type { Store } from '../../src/store/store.ts'
import { definition, execution, log, runner } from '../support/rows.ts'
import { named } from '../support/server-caller.ts'
import type { StoreTest } from './conformance.ts'

/** Puts rows of executions. */
export const put = (store: Store, ...rows: ExecutionRow[]): Promise<void> =>
  store.write(async tx => {
    for (const row of rows) tx.putExecution(row)
  })

export async function executionConformance(test: StoreTest): Promise<void> {
  await test('an execution that goes back to its queue keeps its place', async (t, { store }) => {
    const [first, second] = [execution(), execution()]
    await put(store, first, second)
    await put(store, { ...first, state: 'reserved', runner_id: 'r' })
    t.same(await store.write(tx => tx.queueHeads(['default '], 9)), [second])
    await put(store, first)
    t.same(await store.write(tx => tx.queueHeads(['default '], 9)), [first, second])
  })

  await test('of the attempts of a run, the last one can be asked for', async (t, { store }) => {
    const rows = [
      execution({ group: 'mended', state: 'failed' }),
      execution({ group: 'once', state: 'failed' }),
      execution({ group: 'came-back', state: 'lost' }),
      execution({ group: 'tried-again', state: 'failed' }),
      execution({ group: 'mended', state: 'succeeded', attempt: 2 }),
      execution({ group: 'came-back', state: 'withdrawn', attempt: 2 }),
      execution({ group: 'tried-again', state: 'queued', attempt: 2 }),
      execution({ group: 'failed-twice', state: 'failed' }),
      execution({ group: 'failed-twice', state: 'failed', attempt: 2 }),
    ]
    await put(store, ...rows)
    const groups = async (...states: ExecutionRow['state'][]) => {
      const filter = { isLast: true, ...(states.length > 0 && { states }) }
      const found = await store.read(tx => tx.listExecutions(filter, { limit: 9 }))
      return found.map(({ group, attempt }) => `${group} ${attempt}`)
    }
    t.same(await groups('failed', 'lost'), ['failed-twice 2', 'came-back 1', 'once 1'])
    t.same(await groups('succeeded'), ['mended 2'])
    t.same(
      await groups(),
      ['failed-twice 2', 'tried-again 2', 'came-back 2', 'mended 2', 'came-back 1', 'once 1'],
      'one that was withdrawn is shown where its state is asked for',
    )
  })

  await test('executions are listed by page and by what is asked for, the latest first', async (t, {
    store,
  }) => {
    const rows = Array.from({ length: 7 }, (_, index) =>
      execution({
        job_name: index % 2 ? 'odd' : 'even',
        group: index < 3 ? 'g' : 'h',
        state: (['queued', 'running', 'failed'] as const)[index % 3]!,
        runner_id: index === 4 ? 'r' : null,
      }),
    )
    await put(store, ...rows)
    const latest = rows.toReversed()
    await store.read(async tx => {
      const all = await tx.listExecutions({}, { limit: 100 })
      t.same(all, latest)
      const first = await tx.listExecutions({}, { limit: 3 })
      const second = await tx.listExecutions({}, { limit: 3, after: first[2]!.id })
      const third = await tx.listExecutions({}, { limit: 3, after: second[2]!.id })
      t.same([...first, ...second, ...third], latest)
      t.same(await tx.listExecutions({}, { limit: 3, after: randomUUID() }), [])
      t.same(await tx.listExecutions({ states: [] }, { limit: 3 }), [])
      t.same(
        await tx.listExecutions({ states: ['running', 'queued'] }, { limit: 3 }),
        latest.filter(({ state }) => state !== 'failed').slice(0, 3),
      )
      t.same(
        await tx.listExecutions({ states: ['queued'], job_name: 'even', group: 'h' }, { limit: 9 }),
        latest.filter(row => row.state === 'queued' && row.job_name === 'even' && row.group === 'h'),
      )
      t.same(await tx.listExecutions({ runner_id: 'r' }, { limit: 9 }), [rows[4]])
      t.same(await tx.countExecutions(), { queued: 3, running: 2, failed: 2 })
      const queued = rows.filter(row => row.state === 'queued')
      const { runner_group } = queued[0]!
      const since = Math.min(...queued.map(row => row.created_at))
      t.same(await tx.waiting(), [{ runner_group, count: 3, since }])
    })
  })

  await test('what runners hold is known with and without a hint, by its age', async (t, { store }) => {
    const rows = (['reserved', 'running', 'queued', 'aborting', 'failed', 'lost'] as const).map(
      (state, index) => execution({ state, runner_id: 'a', created_at: 10 - index }),
    )
    const other = execution({ state: 'running', runner_id: 'b' })
    await put(store, ...rows, other)
    const held = [rows[3], rows[1], rows[0]]
    t.same(await store.read(tx => tx.heldBy(['a'])), held)
    const byRunner = (found: ExecutionRow[]) =>
      ['a', 'b'].map(id => found.filter(row => row.runner_id === id))
    t.same(byRunner(await store.read(tx => tx.heldBy(['b', 'a']))), [held, [other]])
    t.same(await store.read(tx => tx.heldBy([])), [])
    for (const hint of [{}, { held: ['a', 'b'] }])
      await store
        .write(async tx => {
          t.same(byRunner(await tx.heldBy(['b', 'a'])), [held, [other]])
          const young = execution({ state: 'reserved', runner_id: 'a', created_at: 11 })
          tx.putExecution(young)
          tx.putExecution({ ...rows[0]!, state: 'failed' })
          t.same(await tx.heldBy(['a']), [rows[3], rows[1], young])
          throw new Error('never mind')
        }, hint)
        .catch(error => t.equal(error.message, 'never mind'))

    const lost = [1, 2].map(n => execution({ id: `lost ${n}`, runner_id: 'late', state: 'lost' }))
    await put(store, ...lost)
    const back = lost.map(row => ({ ...row, state: 'running' as const }))
    await store.write(
      async tx => {
        for (const row of back.toReversed())
          if ((await tx.execution(row.id)) !== undefined) tx.putExecution(row)
        t.same(await tx.heldBy(['late']), back, 'what comes to be held')
      },
      { executions: lost.map(row => row.id), held: ['late'] },
    )
  })

  await test('a job is active as long as one of its attempts may still run', async (t, { store }) => {
    const active = (name: string) => store.read(tx => tx.hasActive(named(name)))
    const states = ['queued', 'reserved', 'running', 'aborting', 'lost'] as const
    await put(store, ...states.map(state => execution({ state, job_name: state })))
    for (const state of states) t.equal(await active(state), true, state)
    const ended = ['succeeded', 'failed', 'aborted', 'withdrawn', 'lost'] as const
    await put(store, ...ended.map(state => execution({ state, job_name: `ended-${state}`, finished_at: 1 })))
    for (const state of ended) t.equal(await active(`ended-${state}`), false, state)
  })

  await test('what is due comes the earliest first, and all deadlines can be moved', async (t, subject) => {
    const { store } = subject
    const at = subject.now
    const rows = [at + 1e6, at - 10, at - 20, null].map(deadline => execution({ deadline }))
    const [present, gone] = [
      runner({ seen_until: at - 5, reserve_until: at + 1e6, back_until: null }),
      runner({ seen_until: at - 1e6, reserve_until: at - 1e6, back_until: at - 5 }),
    ]
    await put(store, ...rows)
    await store.write(async tx => {
      tx.putRunner(present)
      tx.putRunner(gone)
    })
    t.same(await store.write(tx => tx.due(9)), [rows[2], rows[1]])
    t.same(await store.write(tx => tx.due(1)), [rows[2]])
    const now = await store.write(async tx => {
      await tx.postponeAll(1000, at - 100, tx.watched)
      t.same(await tx.due(9), [])
      t.equal((await tx.execution(rows[0]!.id))?.deadline, at + 1e6 + 1000)
      return tx.now
    })
    await store.read(async tx => {
      t.equal((await tx.execution(rows[1]!.id))?.deadline, now + 1000)
      t.equal((await tx.execution(rows[3]!.id))?.deadline, null)
      t.match(await tx.runner(present.id), { seen_until: now + 1000, reserve_until: at + 1e6 + 1000 })
      t.match(await tx.runner(gone.id), { ...gone, back_until: now + 1000 })
    })
  })

  await test('ended executions are removed with all that is theirs', async (t, { store }) => {
    const old = [1, 2, 3].map(finished_at => execution({ state: 'failed', finished_at }))
    const retry = execution({ group: old[0]!.id, state: 'running', attempt: 2 })
    const lost = execution({ state: 'lost', created_at: 1 })
    await store.write(async tx => {
      for (const row of [...old, retry, lost]) tx.putExecution(row)
      for (const { id } of old) {
        tx.putDefinition(definition(id))
        tx.putOutput(id, 'sealed')
        tx.putLog(log(id, 3))
        await tx.writeLog(id, 0, Buffer.from('abc'))
      }
    })
    t.equal(await store.write(tx => tx.removeEnded(3, 1)), 1)
    t.equal(await store.write(tx => tx.removeEnded(3, 9)), 1)
    t.equal(await store.write(tx => tx.removeEnded(3, 9)), 0)
    await store.read(async tx => {
      t.equal((await tx.listExecutions({}, { limit: 9 })).length, 3)
      t.ok(await tx.definition(old[0]!.id), 'of a group that is still there')
      t.notOk(await tx.definition(old[1]!.id))
      for (const { id } of old.slice(0, 2)) {
        t.notOk((await tx.output(id)) ?? (await tx.log(id)))
        t.equal((await tx.readLog(id, 0, 3)).length, 0)
      }
      t.equal(String(await tx.readLog(old[2]!.id, 0, 3)), 'abc')
    })
  })
}
