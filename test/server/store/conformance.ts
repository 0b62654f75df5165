/*
 * What every store must do, on whatever engine.
 */
import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { StoreFailure } from '../../../src/server/store/failure.ts'
import type { ExecutionRow, Reader, Store, Topic, Writer } from '../../../src/server/store/store.ts'
import { logConformance } from './log-conformance.ts'
import { queueConformance } from './queue-conformance.ts'
import { definition, execution, job, log, runner, token } from './rows.ts'

/** A store of one test, and how its time goes on. */
export interface Subject {
  store: Store
  /** Milliseconds since the epoch. */
  now: number
  /** Ends the store as it is, and opens it again. */
  reopen(): Promise<void>
}

/** Gives each test a new store, and takes it away afterwards. */
export type WithStore = (body: (subject: Subject) => Promise<void>) => Promise<void>

/** Why the store failed; undefined where it did not. */
export function failureOf(action: Promise<unknown>): Promise<string | undefined> {
  return action.then(
    () => undefined,
    error => (error instanceof StoreFailure ? error.reason : `no failure of the store: ${error}`),
  )
}

export async function conformance(t: Test, withStore: WithStore): Promise<void> {
  const test = (title: string, body: (t: Test, subject: Subject) => Promise<void>) =>
    t.test(title, t => withStore(subject => body(t, subject)))
  const put = (store: Store, ...rows: Parameters<Writer['putExecution']>[0][]) =>
    store.write(async tx => {
      for (const row of rows) tx.putExecution(row)
    })

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
      job: await tx.job('one'),
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
        await tx.deleteJob('none')
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
    t.equal((results[1] as PromiseRejectedResult).reason, boom)
    await store.read(async tx => {
      t.same(await tx.execution(before.id), before)
      t.same(await tx.execution(after.id), after)
      t.equal(await tx.execution(bad.id), undefined)
      t.equal(await tx.log(bad.id), undefined)
      t.equal((await tx.readLog(bad.id, 0, 10)).length, 0)
    })
    t.same(topics, [{ about: 'execution', id: after.id }])
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

  await test('an execution that goes back to its queue keeps its place', async (t, { store }) => {
    const [first, second] = [execution(), execution()]
    await put(store, first, second)
    await put(store, { ...first, state: 'reserved', runner_id: 'r' })
    t.same(await store.write(tx => tx.queueHeads(['default '], 9)), [second])
    await put(store, first)
    t.same(await store.write(tx => tx.queueHeads(['default '], 9)), [first, second])
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
    const active = (name: string) => store.read(tx => tx.hasActive(name))
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

  await test('runners, groups, jobs and tokens are listed in their order', async (t, { store }) => {
    const runners = ['b', 'a', 'c'].map(id => runner({ id }))
    const tokens = ['b', 'a', 'c'].map(id => token({ id }))
    runners[1]!.set.runner_group = 'other'
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
    t.equal(await store.write(tx => tx.deleteJob('a')), true)
    t.equal(await store.write(tx => tx.deleteJob('a')), false)
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

  await queueConformance(t, withStore)
  await logConformance(t, withStore)

  await test('a closed store says so, once or many times', async (t, subject) => {
    const { store } = subject
    const last = put(store, execution())
    await store[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    await last
    t.equal(await failureOf(put(store, execution())), 'closed')
    t.equal(await failureOf(store.read(tx => tx.job('x'))), 'closed')
    t.equal(await failureOf(store.check()), 'closed')
  })
}
