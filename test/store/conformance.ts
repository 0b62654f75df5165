/* The promises that every store must keep, on whatever engine. */

import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { StoreFailure } from '../../src/store/failure.ts'
import type { Reader } from '../../src/store/reader.ts'
import type { Topic } from '../../src/store/topic.ts'
import { definition, execution, job, log, runner, token } from '../support/rows.ts'
import { named } from '../support/server-caller.ts'
import type { Subject } from '../support/store-subject.ts'
import { auditConformance } from './audit-conformance.ts'
import { changeConformance } from './change-conformance.ts'
import { executionConformance, put } from './execution-conformance.ts'
import { lineConformance } from './line-conformance.ts'
import { logConformance } from './log-conformance.ts'
import { queueConformance } from './queue-conformance.ts'

/** Gives each test a new store, and takes it away afterwards. */
export type WithStore = (body: (subject: Subject) => Promise<void>) => Promise<void>

/** Makes a test that gets a store of its own. */
export type StoreTest = (
  title: string,
  body: (t: Test, subject: Subject) => Promise<void>,
) => Promise<unknown>

/** Why the store failed; undefined where it did not. */
export function failureOf(action: Promise<unknown>): Promise<string | undefined> {
  return action.then(
    () => undefined,
    error => (error instanceof StoreFailure ? error.reason : `no failure of the store: ${error}`),
  )
}

export async function conformance(t: Test, withStore: WithStore): Promise<void> {
  const test: StoreTest = (title, body) => t.test(title, t => withStore(subject => body(t, subject)))

  await test('rows come back as they were put, by reader and writer, also after a restart', async (t, subject) => {
    const id = randomUUID()
    const rows = {
      execution: execution({ id, deadline: 1234.5, error_message: 'a\0b\ud800 ü "\\u0000' }),
      definition: definition(id, 'sealed'),
      job: job('one'),
      runner: runner({ seen_until: 5, back_until: 7 }),
      token: token(),
      log: log(id, 0),
      group: { name: 'g', mode: 'leader', leader_runner_id: null, pinned_runner_id: null } as const,
      idempotency: { token_id: 't', key: 'a key', body_sha256: '', execution_id: id, created_at: 3 },
    }
    const look = async (tx: Reader) => ({
      execution: await tx.execution(id),
      definition: await tx.definition(id),
      job: await tx.job(named('one')),
      runner: await tx.runner(rows.runner.id),
      token: await tx.token(rows.token.id),
      log: await tx.log(id),
      group: await tx.group('g'),
      idempotency: await tx.idempotency('t', 'a key'),
    })
    await subject.store.write(async tx => {
      tx.putExecution(rows.execution)
      tx.putDefinition(rows.definition)
      tx.putJob(rows.job)
      tx.putRunner(rows.runner)
      tx.putToken(rows.token)
      tx.putLog(rows.log)
      tx.putGroup(rows.group)
      tx.putIdempotency(rows.idempotency)
      tx.putOutput(id, 'output')
      tx.setMeta('m', 'v')
      t.same(await look(tx), rows, 'in the writer that put them')
      t.equal(await tx.output(id), 'output')
      t.equal(await tx.meta('m'), 'v')
    })
    t.same(await subject.store.read(look), rows, 'in a reader')
    await subject.reopen()
    t.same(await subject.store.write(look), rows, 'after a restart')
    t.equal(await subject.store.read(tx => tx.output(id)), 'output')
    t.equal(await subject.store.read(tx => tx.meta('m')), 'v')
    t.same(await subject.store.read(tx => tx.tokenByHash(rows.token.hash)), rows.token)
    t.equal(await subject.store.read(tx => tx.execution(randomUUID())), undefined)
  })

  await test('of many writers that want one execution exactly one gets it', async (t, { store }) => {
    const row = execution()
    await put(store, row)
    const winners = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store.write(
          async tx => {
            const now = (await tx.execution(row.id))!
            if (now.state !== 'queued') return 0
            tx.putExecution({ ...now, state: 'reserved', runner_id: `r${index}` })
            return 1
          },
          index % 2 ? { executions: [row.id] } : {},
        ),
      ),
    )
    t.equal(winners.filter(won => won === 1).length, 1)
    const winner = winners.indexOf(1)
    t.equal((await store.read(tx => tx.execution(row.id)))?.runner_id, `r${winner}`)
  })

  await test('a writer that throws changes nothing, while those beside it do', async (t, { store }) => {
    const [before, after, bad] = [execution(), execution(), execution()]
    const topics: Topic[] = []
    store.subscribe(topic => topics.push(topic))
    const boom = new Error('boom')
    const results = await Promise.allSettled([
      put(store, before),
      store.write(async tx => {
        tx.putExecution(bad)
        tx.putExecution({ ...before, priority: 5 })
        // A statement that must see what was put makes it reach the database.
        t.equal((await tx.queueHeads(await tx.queues(), 9)).length, 2)
        await tx.deleteJob(named('none'))
        await tx.writeLog(bad.id, 0, Buffer.from('bytes'))
        tx.putLog(log(bad.id, 5))
        tx.notify({ about: 'execution', id: bad.id })
        throw boom
      }),
      store.write(async tx => {
        t.equal((await tx.execution(before.id))?.priority, 0)
        t.equal(await tx.execution(bad.id), undefined)
        t.equal((await tx.queueHeads(await tx.queues(), 9)).length, 1)
        tx.putExecution(after)
        tx.notify({ about: 'execution', id: after.id })
      }),
    ])
    t.same(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    const [, failed] = results
    t.equal(failed.status === 'rejected' && failed.reason, boom)
    await store.read(async tx => {
      t.same(await tx.execution(before.id), before)
      t.same(await tx.execution(after.id), after)
      t.equal(await tx.execution(bad.id), undefined)
      t.equal(await tx.log(bad.id), undefined)
      t.equal((await tx.readLog(bad.id, 0, 10)).length, 0)
    })
    t.same(topics, [{ about: 'execution', id: after.id }, { about: 'changes' }])
  })

  await test('queue heads come by priority and then age, without scripts', async (t, { store }) => {
    const rows = [0, 5, 0, 5, 1].map(priority => execution({ priority }))
    const other = execution({ runner_group: 'other', capabilities: ['a', 'b'] })
    const script = execution({ kind: 'script', priority: 9 })
    await put(store, ...rows, other, script, execution({ state: 'running' }))
    await store.write(async tx => {
      t.same(await tx.queues(), ['default ', 'other a,b'])
      const heads = await tx.queueHeads(['default ', 'other a,b', 'none '], 4)
      t.same(
        heads.map(({ id }) => id),
        [...[1, 3, 4, 0].map(index => rows[index]!.id), other.id],
      )
    })
  })

  await test('runners, groups, jobs and tokens are listed in their order', async (t, { store }) => {
    const runners = ['b', 'a', 'c'].map(id =>
      runner({ id, set: id === 'a' ? { runner_group: 'other' } : {} }),
    )
    const tokens = ['b', 'a', 'c'].map(id => token({ id }))
    await store.write(async tx => {
      for (const row of runners) tx.putRunner(row)
      for (const row of tokens) tx.putToken(row)
      tx.putToken(token({ kind: 'runner', runner_id: 'a' }))
      for (const name of ['b', 'a', 'B']) {
        tx.putJob(job(name))
        tx.putGroup({ name, mode: 'all', leader_runner_id: null, pinned_runner_id: null })
      }
    })
    const names = (rows: { name: string }[]) => rows.map(({ name }) => name)
    await store.read(async tx => {
      t.same(await tx.listRunners({ limit: 9 }), runners)
      t.same(await tx.listRunners({ limit: 1, after: 'b' }), [runners[1]])
      t.same(await tx.runnersOf('other'), [runners[1]])
      t.same(await tx.runnersOf('default'), runners)
      t.same(await tx.listTokens({ limit: 9 }), tokens)
      t.same(await tx.listTokens({ limit: 9, after: 'a' }), [tokens[2]])
      t.same(names(await tx.listJobs()), ['B', 'a', 'b'])
      t.same(names(await tx.listGroups({ limit: 2 })), ['B', 'a'])
      t.same(names(await tx.listGroups({ limit: 2, after: 'a' })), ['b'])
    })
    t.equal(await store.write(tx => tx.deleteJob(named('a'))), true)
    t.equal(await store.write(tx => tx.deleteJob(named('a'))), false)
    t.equal(await store.write(tx => tx.deleteToken('a')), true)
    t.equal(await store.write(tx => tx.deleteToken('a')), false)
    t.equal(await store.read(tx => tx.token('a')), undefined)
  })

  await test('tokens of sessions that are over go after a while, or at once', async (t, { store }) => {
    const of = (session: number, created_at: number) =>
      token({ kind: 'runner', runner_id: 'r', session, created_at })
    const [one, two, three] = [of(1, 10), of(2, 20), of(3, 30)]
    await store.write(async tx => {
      tx.putRunner(runner({ id: 'r', session: 2 }))
      for (const row of [one, two, three]) tx.putToken(row)
      tx.putIdempotency({ token_id: 't', key: 'old', body_sha256: '', execution_id: '', created_at: 10 })
      tx.putIdempotency({ token_id: 't', key: 'new', body_sha256: '', execution_id: '', created_at: 20 })
    })
    t.equal(await store.write(tx => tx.removeTokens(20, 9)), 0)
    t.equal(await store.write(tx => tx.removeKeys(20, 9)), 1)
    t.ok(await store.read(tx => tx.token(one.id)), 'its session was over at 20')
    t.notOk(await store.read(tx => tx.idempotency('t', 'old')))
    t.ok(await store.read(tx => tx.idempotency('t', 'new')))
    t.equal(await store.write(tx => tx.removeTokens(21, 9)), 1)
    const left = () =>
      store.read(tx => Promise.all([one, two, three].map(async ({ id }) => !!(await tx.token(id)))))
    t.same(await left(), [false, true, true])
    await store.write(tx => tx.deleteRunnerTokens('r', 3))
    t.same(await left(), [false, false, true])
    await store.write(tx => tx.deleteRunnerTokens('r'))
    t.same(await left(), [false, false, false])
  })

  await test('many can read at once, beside one that writes', async (t, { store }) => {
    await store.write(async tx => tx.setMeta('n', '0'))
    const writing = Promise.all(
      Array.from({ length: 50 }, () =>
        store.write(async tx => tx.setMeta('n', String(Number(await tx.meta('n')) + 1))),
      ),
    )
    const reads = await Promise.all(
      Array.from({ length: 100 }, () => store.read(async tx => [await tx.meta('n'), await tx.meta('n')])),
    )
    await writing
    t.ok(reads.every(([first, second]) => first === second))
    t.equal(await store.read(tx => tx.meta('n')), '50')
  })

  await test('it says how long transactions take, and whether it can be written to', async (t, { store }) => {
    const seen: number[] = []
    store.onTransaction((seconds, writers) => {
      t.ok(seconds >= 0)
      seen.push(writers)
    })
    await Promise.all([store.check(), store.check()])
    t.equal(
      seen.reduce((sum, writers) => sum + writers, 0),
      2,
    )
  })

  await executionConformance(test)
  await queueConformance(t, withStore)
  await lineConformance(t, withStore)
  await auditConformance(test)
  await changeConformance(test)
  await logConformance(t, withStore)

  await test('a closed store says so, once or many times', async (t, subject) => {
    const { store } = subject
    const last = put(store, execution())
    await store[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    await last
    t.equal(await failureOf(put(store, execution())), 'closed')
    t.equal(await failureOf(store.read(tx => tx.job(named('x')))), 'closed')
    t.equal(await failureOf(store.check()), 'closed')
  })
}
