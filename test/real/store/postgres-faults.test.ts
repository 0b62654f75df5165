import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { openPostgres } from '../../../src/store/postgres/open.ts'
import type { Store } from '../../../src/store/store.ts'
import { failureOf } from '../../store/conformance.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { PostgresProxy } from '../../support/postgres-proxy.ts'
import { testWith } from '../../support/require.ts'
import { definition, execution, job, log, runner } from '../../support/rows.ts'
import { named } from '../../support/server-caller.ts'

t.setTimeout(300_000)
testWith(t, 'PostgreSQL fails as it may', postgresNeeds, async t => {
  t.setTimeout(300_000)
  await using server = await PostgresServer.start()
  const dir = t.testdir({})
  let databases = 0
  const newPlace = async () => ({
    database: await server.newDatabase(`faults${++databases}`),
    keyFile: join(mkdtempSync(join(dir, 'key-')), 'server.key'),
  })
  const open = async (place: { database: string; keyFile: string }): Promise<Store> => {
    const opened = await openStore(place)
    if (!opened.ok) throw new Error(opened.failure.detail)
    return opened.value.store
  }
  /** Why a store cannot be opened. */
  const refusal = async (database: string, keyFile = join(dir, 'none.key')) => {
    const opened = await openStore({ database, keyFile })
    if (opened.ok) {
      await opened.value.store[Symbol.asyncDispose]()
      return 'it was opened'
    }
    return `${opened.failure.reason}: ${opened.failure.detail}`
  }
  const put = (store: Store, name: string) => store.write(async tx => tx.putJob(job(name)))
  const names = async (store: Store) => (await store.read(tx => tx.listJobs())).map(({ name }) => name)

  await t.test('a second server on the same database is refused', async t => {
    const place = await newPlace()
    {
      await using _store = await open(place)
      t.match(await refusal(place.database, place.keyFile), /^in-use: another server uses PostgreSQL at 127/)
    }
    t.equal(await refusal(place.database, place.keyFile), 'it was opened')
  })

  await t.test('what keeps a store from being opened is said, without the password', async t => {
    await server.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    const { port } = server
    const said = await refusal(`postgres://locked:wrong-secret@127.0.0.1:${port}/postgres`)
    t.match(
      said,
      /^refused: PostgreSQL at 127\.0\.0\.1:\d+, database postgres, refuses this user, password or database: password auth/,
    )
    t.notMatch(said, /secret/)
    t.match(await refusal(server.url('missing')), /^refused: .* database "missing" does not exist/)
    t.match(
      await refusal('postgres://me:secret@127.0.0.1:1/x'),
      /^unreachable: .* cannot be reached: .*ECONNREFUSED/,
    )
    t.match(await refusal('postgres://me:secret@[/x'), /^database-invalid: /)
    t.match(
      await refusal(`postgres://locked:right@127.0.0.1:${port}/postgres`),
      /^not-accessible: .* permission denied for database/,
    )
    await server.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    t.match(
      await refusal(server.url('latin')),
      /^not-a-store: the database has the encoding LATIN1: UTF8 is needed/,
    )
    const other = await server.newDatabase('other')
    await server.sql('CREATE SCHEMA runner; CREATE TABLE runner.jobs (x int)', 'other')
    t.match(await refusal(other), /^not-a-store: .* schema runner of another program/)
    const newer = await server.newDatabase('newer')
    t.equal(await refusal(newer), 'it was opened')
    await server.sql('INSERT INTO runner.migrations VALUES (99)', 'newer')
    t.match(
      await refusal(newer),
      /^too-new: the database has version 99, and this program knows versions up to/,
    )
  })

  await t.test('a store whose key file is away is refused, and no other key is made', async t => {
    const { database, keyFile } = await newPlace()
    t.equal(await refusal(database, keyFile), 'it was opened')
    t.match(await refusal(database, join(dir, 'other.key')), /^key-invalid: the key file .* is not there/)
  })

  const endings: [string, (t: Test, name: string) => Promise<unknown>][] = [
    [
      'its connections are ended',
      () =>
        server.sql(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $$runner server$$',
        ),
    ],
    ['it is stopped', () => server.stop()],
    ['it crashes', () => server.stop('immediate')],
  ]
  for (const [title, end] of endings)
    await t.test(`writers fail clearly when ${title}, and later ones succeed`, async t => {
      await using store = await open(await newPlace())
      await put(store, 'before')
      const during: Promise<string | undefined>[] = []
      let held: (() => void) | undefined
      const hold = new Promise<void>(resolve => {
        held = resolve
      })
      // One is in the middle of its transaction.
      const entered = new Promise<void>(resolve => {
        during.push(
          failureOf(
            store.write(async tx => {
              tx.putJob(job('during'))
              await tx.deleteJob(named('none'))
              resolve()
              await hold
              await tx.deleteJob(named('none'))
            }),
          ),
        )
      })
      await entered
      await end(t, title)
      held!()
      t.same(await Promise.all(during), ['unavailable'])
      if (server.pid === undefined) {
        t.equal(await failureOf(put(store, 'while it is away')), 'unavailable')
        t.equal(await failureOf(names(store)), 'unavailable')
        await server.startAgain()
      }
      await put(store, 'after')
      // A connection of the pool may not have noticed; the next one has.
      while ((await failureOf(names(store))) !== undefined) t.comment('a reader had an old connection')
      t.same(await names(store), ['after', 'before'])
    })

  await t.test(
    'a server that lost its connection goes on, though the old one still has the lock',
    async t => {
      const place = await newPlace()
      await using proxy = await PostgresProxy.start(server.port)
      await using store = await open({ ...place, database: proxy.url(place.database) })
      await put(store, 'before')
      proxy.cut()
      while ((await failureOf(put(store, 'after'))) !== undefined)
        t.comment('the connection was still in use')
      while ((await failureOf(names(store))) !== undefined) t.comment('a reader had an old connection')
      t.same(await names(store), ['after', 'before'])
    },
  )

  await t.test(
    'what it loses in a crash was not acknowledged, whichever connection was lost before',
    async t => {
      // A change that no call waits for stays in memory.
      await server.sql("ALTER SYSTEM SET wal_writer_delay = '10s'")
      await server.sql('SELECT pg_reload_conf()')
      for (const sent of ['pg_advisory_lock', "'synced'"]) {
        const place = await newPlace()
        await using proxy = await PostgresProxy.start(server.port)
        await using store = await open({ ...place, database: proxy.url(place.database) })
        await put(store, 'before')
        const hold = proxy.hold()
        proxy.cut(sent)
        let during: Promise<string | undefined>
        let attempts = 0
        do during = failureOf(put(store, `during${++attempts}`))
        while ((await Promise.race([hold.reached.then(() => 'held'), during])) !== 'held')
        await server.stop('immediate')
        await server.startAgain()
        hold.release()
        const failure = await during
        const there = (await names(store)).includes(`during${attempts}`)
        t.ok(
          there || failure !== undefined,
          `${sent}: ${failure ?? 'acknowledged'}, ${there ? 'there' : 'lost'}`,
        )
      }
      await server.sql('ALTER SYSTEM RESET wal_writer_delay')
      await server.sql('SELECT pg_reload_conf()')
    },
  )

  await t.test('a statement that nobody has waited for takes its transaction with it', async t => {
    await using store = await open(await newPlace())
    const id = randomUUID()
    const failures = await Promise.all([
      failureOf(store.write(async tx => tx.putExecution(execution({ id })))),
      failureOf(
        store.write(async tx => {
          tx.listExecutions({ group: '\0' }, { limit: 1 }).catch(() => {})
        }),
      ),
    ])
    t.same(failures, ['failed', 'failed'])
    t.equal(await store.read(tx => tx.execution(id)), undefined)
    await put(store, 'after')
    t.same(await names(store), ['after'])
  })

  await t.test('a commit that fails takes those with it that have seen what it was to keep', async t => {
    const place = await newPlace()
    await using store = await open(place)
    await server.sql(
      `CREATE FUNCTION runner.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $f$ BEGIN IF NEW.id = 'bad' THEN RAISE EXCEPTION 'not that' USING ERRCODE = '53100'; END IF; RETURN NULL; END $f$;
      CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON runner.groups
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION runner.refuse()`,
      new URL(place.database).pathname.slice(1),
    )
    for (let round = 0; round < 50; round++) {
      const seen: Promise<string | undefined>[] = []
      const first = failureOf(
        store.write(async tx => {
          tx.putGroup({ name: 'bad', mode: 'all', leader_runner_id: null, pinned_runner_id: null })
          // It begins while that commit is under way.
          const second = store.write(async tx => {
            if ((await tx.group('bad')) !== undefined) tx.putJob(job('seen'))
          })
          seen.push(failureOf(second))
        }),
      )
      t.equal(await first, 'disk-full')
      for (const failure of await Promise.all(seen))
        t.ok(['disk-full', undefined].includes(failure), failure ?? 'kept')
      t.same(await names(store), [])
    }
    await put(store, 'after')
    t.same(await names(store), ['after'])
  })

  await t.test('its clock does not go back for an answer that was slow', async t => {
    const { database } = await newPlace()
    let seconds = 1000
    const opened = await openPostgres(database, { monotonic: () => seconds }, undefined)
    if (!opened.ok) throw new Error(opened.failure.detail)
    const { engine } = opened.value
    const first = await engine.begin(true)
    await first.begun
    await first.rollback()
    seconds += 3
    const second = await engine.begin(true)
    seconds += 10
    const back = second.likelyNow! - (await second.begun)
    t.ok(back <= 0, `${back} ms back`)
    await second.rollback()
    await engine.close()
  })

  await t.test('a hundred writers cost no more statements than one', async t => {
    const place = await newPlace()
    await using proxy = await PostgresProxy.start(server.port)
    await using store = await open({ ...place, database: proxy.url(place.database) })
    const ids = Array.from({ length: 100 }, () => randomUUID())
    const submit = (id: string) =>
      store.write(
        async tx => {
          if ((await tx.idempotency('t', id)) !== undefined) throw new Error('it is there already')
          tx.putIdempotency({ token_id: 't', key: id, body_sha256: '', execution_id: id, created_at: 0 })
          tx.putDefinition(definition(id))
          tx.putExecution(execution({ id, runner_id: 'r' }))
        },
        { idempotency: [{ token_id: 't', key: id }] },
      )
    const confirm = (id: string) =>
      store.write(async tx => tx.putExecution({ ...(await tx.execution(id))!, state: 'running' }), {
        executions: [id],
        runners: ['r'],
      })
    const heartbeat = (id: string) =>
      store.write(
        async tx => {
          tx.putRunner(runner({ id: 'r' }))
          for (const row of await tx.heldBy(['r']))
            if (row.id === id) tx.putExecution({ ...row, deadline: 1 })
        },
        { runners: ['r'], held: ['r'], durable: false },
      )
    const appendLog = (id: string) =>
      store.write(
        async tx => {
          const length = (await tx.log(id))?.length ?? 0
          await tx.writeLog(id, length, Buffer.from('a line\n'))
          tx.putLog(log(id, length + 7))
        },
        { executions: [id], logs: [id], durable: false },
      )
    const finish = (id: string) =>
      store.write(
        async tx => {
          tx.putOutput(id, 'sealed')
          tx.putExecution({ ...(await tx.execution(id))!, state: 'succeeded', finished_at: 1 })
          tx.putLog({ ...(await tx.log(id))!, final_length: 7 })
        },
        { executions: [id], runners: ['r'], definitions: [id], logs: [id] },
      )
    for (const [name, step] of Object.entries({ submit, confirm, heartbeat, appendLog, finish })) {
      const counts: number[] = []
      for (const some of [ids.slice(0, 1), ids.slice(1)]) {
        const before = proxy.statements
        await Promise.all(some.map(step))
        counts.push(proxy.statements - before)
      }
      t.ok(counts[1]! <= counts[0]!, `${name}: ${counts[0]}, ${counts[1]}`)
    }
  })
})
