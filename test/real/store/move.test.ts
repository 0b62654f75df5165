import { randomInt } from 'node:crypto'
import { mkdtempSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ChainCheck } from '../../../src/protocol/audit-chain.ts'
import { undoMove } from '../../../src/store/move.ts'
import { numbersFrom } from '../../support/chance.ts'
import {
  damage,
  edges,
  fill,
  logs,
  logsOf,
  Movable,
  rowsOfFile,
  rowsOfPostgres,
} from '../../support/moves.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { PostgresProxy } from '../../support/postgres-proxy.ts'
import { testWith } from '../../support/require.ts'
import { testId } from '../../support/rows.ts'
import { runs } from '../../support/tier.ts'

const seed = Number(process.env.RUNNER_TEST_SEED ?? randomInt(2 ** 31))
t.comment(`RUNNER_TEST_SEED=${seed}`)
const number = numbersFrom(seed)

t.setTimeout(600_000)
testWith(t, 'a store moves to PostgreSQL', postgresNeeds, async t => {
  await using server = await PostgresServer.start()
  let databases = 0
  const newDatabase = () => server.newDatabase(`moved${++databases}`)
  const dir = t.testdir({})
  const newStore = () => new Movable(mkdtempSync(join(dir, 'store-')))

  await t.test('with all that is in it, hostile and damaged things too', async t => {
    const movable = newStore()
    const opened = await movable.open()
    await fill(opened, 1200)
    await opened.store[Symbol.asyncDispose]()
    const damaged = damage(movable)
    // As the next start of a server would show it.
    const before = await movable.open()
    const ids = [...Object.values(logs), testId(10_000), testId(11_199)]
    const expected = await logsOf(before.store, ids)
    await before.store[Symbol.asyncDispose]()
    const rows = rowsOfFile(movable.file)
    const to = await newDatabase()
    const told: string[] = []
    const moved = await movable.move(to, {
      tell: ({ stage, rows, ofRows }) => told.push(`${stage} ${rows} ${ofRows}`),
    })
    if (typeof moved === 'string') throw new Error(moved)
    const count = Object.values(rows).flat().length
    t.match(moved, { outcome: 'moved', restarted: false, rows: count, damaged_rows: damaged })
    t.equal(
      moved.missing_log_bytes,
      2 ** 20 + 5,
      'the segment that is not there, and a log with another id than its own',
    )
    t.equal(moved.to, to)
    t.ok(told.length > 20, 'in batches')
    t.ok(told.includes(`copied ${count} ${count}`))
    t.ok(told.includes(`checked ${count} ${count}`))

    const arrived = await rowsOfPostgres(to)
    t.same(Object.keys(arrived).toSorted(), Object.keys(rows).toSorted())
    for (const [table, all] of Object.entries(rows)) {
      const ignored = (row: string) => !/audit\.ends|^\{"id":"synced"/.test(row)
      const own = table === 'audit' ? arrived[table]!.slice(0, -1) : arrived[table]!
      t.strictSame(own.filter(ignored), all.filter(ignored), table)
    }
    const after = await movable.open(to)
    t.strictSame(await logsOf(after.store, ids), expected)
    await after.store.read(async tx => {
      const { begins, ends } = await tx.auditEnds()
      const check = new ChainCheck(ends)
      const entries = await tx.listAudit({}, { from: 0, below: ends.number + 1, limit: 100 })
      for (const entry of entries) check.add(entry as Parameters<typeof check.add>[0])
      t.match(check.finish(begins), { broken: undefined })
      t.match(entries[0], { call: 'server-move' })
      t.equal(after.keys.openAtRest((await tx.definition(testId(1005)))!.sealed), 'secret 5')
      t.match(await tx.idempotency('t', 'k7'), { execution_id: testId(1007) })
    })
    await after.store.write(async tx => tx.putJob({ ...(await tx.listJobs())[0]!, name: 'new' }))
    await after.store[Symbol.asyncDispose]()
    t.match(await movable.refusal(), /^moved: the store in .* moved to postgres:.* at .*--undo/)
    t.match(await movable.move(to), { outcome: 'completed' }, 'again, there is nothing left to do')
    t.match(await movable.move(await newDatabase()), /moved to postgres:/)
  })

  /** A small store that nobody uses. */
  const smallStore = async () => {
    const movable = newStore()
    const opened = await movable.open()
    await fill(opened, 3)
    await opened.store[Symbol.asyncDispose]()
    return movable
  }

  await t.test('and is refused where something is in the way, which leaves both as they were', async t => {
    const movable = await smallStore()
    const rows = rowsOfFile(movable.file)
    const to = await newDatabase()
    const move = (target = to) => movable.move(target)

    const used = await movable.open()
    t.match(await move(), /^another server has .*server\.db open, process \d+ since .*: stop that one/)
    await used.store[Symbol.asyncDispose]()
    {
      const other = newStore()
      const { store } = await other.open(to)
      t.match(
        await move(),
        /^another server uses PostgreSQL at 127.* \(runner server from 127\.0\.0\.1, since 2\d{3}-.*, backend \d+\): stop that one/,
      )
      await store[Symbol.asyncDispose]()
      t.match(
        await move(),
        /^the database postgres:.* has a store of a runner server already, .*DROP SCHEMA runner CASCADE/,
      )
      t.equal(await other.refusal(to), 'it was opened', 'that one goes on')
    }
    const shared = await newDatabase()
    await server.sql('CREATE SCHEMA runner; CREATE VIEW runner.theirs AS SELECT 1', `moved${databases}`)
    t.match(await move(shared), /has something of another program \(theirs\): name another database/)

    await server.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    const secret = `postgres://locked:wrong-secret@127.0.0.1:${server.port}/postgres?password=wrong-secret`
    const said = String(await move(secret))
    t.match(said, /refuses this user, password or database/)
    t.notMatch(said, /secret/)
    t.match(await move(`postgres://postgres@127.0.0.1:1/none`), /cannot be reached: .*ECONNREFUSED/)
    t.match(await move(server.url('missing')), /does not exist/)

    const key = `${movable.keyFile}.away`
    renameSync(movable.keyFile, key)
    t.match(await move(shared), /^the key in .* is not the one with which the store in .* is sealed/)
    renameSync(key, movable.keyFile)
    t.match(await newStore().move(shared), /^there is no store in /)

    const fine = await newDatabase()
    movable.sql("UPDATE executions SET deadline = 'soon' WHERE id = ?", testId(1000))
    movable.sql('UPDATE runners SET said_group = ? WHERE name = ?', Buffer.of(0), 'two')
    t.match(
      await move(fine),
      /damaged so that PostgreSQL cannot hold them: executions .*03e8: its column deadline is not a number; runners .*said_group is not a text/,
    )
    movable.sql('UPDATE executions SET deadline = NULL WHERE id = ?', testId(1000))
    movable.sql("UPDATE runners SET said_group = 'default' WHERE name = ?", 'two')
    movable.sql('CREATE TABLE mine (a)')
    t.match(await move(fine), /server\.db does not have the tables of a store: it has the table mine/)
    movable.sql('DROP TABLE mine')
    t.same(Object.keys(await rowsOfPostgres(fine)), [], 'nothing is left')
    t.same(Object.keys(rowsOfFile(movable.file)), Object.keys(rows))
    t.match(await move(fine), { outcome: 'moved' })
  })

  await t.test('by a user who may do no more than use a schema of its own', async t => {
    const movable = await smallStore()
    const name = `moved${++databases}`
    for (const text of [
      `CREATE ROLE least LOGIN PASSWORD 'x'`,
      `CREATE DATABASE ${name}`,
      `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT, TEMPORARY ON DATABASE ${name} TO least`,
    ])
      await server.sql(text)
    const to = server.url(name, 'least')
    t.match(await movable.move(to), /does not let this user do what is needed: permission denied/)
    await server.sql('CREATE SCHEMA runner AUTHORIZATION least', name)
    t.match(await movable.move(to), { outcome: 'moved' })
    t.equal(await movable.refusal(to), 'it was opened')
  })

  await t.test(
    'and where it is cut off before its end, no server starts on the half, and the next one replaces it',
    async t => {
      const movable = await smallStore()
      const to = await newDatabase()
      let changed = false
      const meanwhile = () => {
        if (!changed)
          movable.sql("INSERT INTO meta (id, body) VALUES ('new', ?)", '{"key":"new","value":"1"}')
        changed = true
      }
      t.match(
        await movable.move(to, { tell: meanwhile }),
        /another program has changed .* still the one in force: do the same again/,
      )
      t.match(
        await movable.refusal(to),
        /^half-moved: a move of the store in .*server\.db into this database, .* was cut off/,
      )
      t.equal(await movable.refusal(), 'it was opened', 'the store is in force where it was')
      const other = await smallStore()
      t.match(await other.move(to), /has what a move of another store, from .*, has left/)
      t.match(await movable.move(to), { outcome: 'moved', restarted: true })
      t.ok((await rowsOfPostgres(to)).meta!.some(row => row.includes('"id":"new"')))
      t.match(await movable.refusal(), /^moved: /)

      t.match(undoMove({ file: movable.file, edges }), { ok: true, value: { to } })
      t.equal(await movable.refusal(), 'it was opened', 'the move is taken back')
      t.match(undoMove({ file: movable.file, edges }), { ok: false, failure: /has not moved/ })
      t.match(await movable.move(to), /has a store of a runner server already/)
    },
  )

  await t.test('and a connection that is cut off at any statement loses nothing', async t => {
    const movable = await smallStore()
    const rows = rowsOfFile(movable.file)
    const to = await newDatabase()
    await using proxy = await PostgresProxy.start(server.port)
    const move = async (cutAt?: number) => {
      proxy.statements = 0
      proxy.cutAt = cutAt
      return movable.move(proxy.url(to))
    }
    const counted = await smallStore()
    await counted.move(proxy.url(await newDatabase()))
    const all = proxy.statements
    t.ok(all > 40, `${all} statements`)
    const middle = Array.from({ length: runs(3) }, () => 5 + number(all - 10))
    // A move that finds what another one has left asks a little more.
    const last = Array.from({ length: 5 }, (_, n) => all - 2 + n)
    const ends: string[] = []
    for (const at of [1, 3, ...middle.toSorted((a, b) => a - b), ...last]) {
      const moved = await move(at)
      const said = typeof moved === 'string' ? moved : moved.outcome
      const known = /^moved$|nothing has been changed|nobody has heard|no server starts before/.exec(said)
      ends.push(known?.[0] ?? '')
      // The connection is made before anything has happened.
      if (at > 3) t.not(ends.at(-1), '', `${at}: ${said}`)
      if (said === 'moved') break
    }
    t.ok(ends.includes('nobody has heard'), ends.join(', '))
    t.ok(ends.includes('no server starts before'))
    t.match(await move(), { outcome: 'completed' })
    const arrived = await rowsOfPostgres(to)
    for (const table of ['executions', 'definitions', 'logs', 'tokens'])
      t.strictSame(arrived[table], rows[table])
    t.equal(arrived.audit!.length, rows.audit!.length + 1, 'one entry')
    t.equal(await movable.refusal(to), 'it was opened')
  })
})
