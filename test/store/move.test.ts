/* The parts of a move that can be tested without a PostgreSQL; test/real has the moves. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { hasPassword, shownDatabase } from '../../src/store/database-url.ts'
import { undoMove } from '../../src/store/move.ts'
import { backupStore } from '../../src/store/sqlite/backup.ts'
import { SqliteConnection } from '../../src/store/sqlite/engine.ts'
import { setMove } from '../../src/store/sqlite/move-mark.ts'
import { edges, Movable } from '../support/moves.ts'
import { job } from '../support/rows.ts'

const nowhere = 'postgres://runner@127.0.0.1:1/runner'

t.test(
  'no server starts on a store that has moved, of whatever release, until that is taken back',
  async t => {
    const movable = new Movable(t.testdir({}))
    const { file, keyFile } = movable
    t.match(await movable.move(nowhere), /^there is no store in /)
    const { store } = await movable.open()
    await store.write(async tx => tx.putJob(job('one')))
    t.match(await movable.move(nowhere), /^another server has .* open, process \d+/)
    await store[Symbol.asyncDispose]()
    const versionOf = () => {
      const database = new DatabaseSync(file)
      const row = database.prepare('PRAGMA user_version').get()
      database.close()
      return Number(row!.user_version)
    }
    const version = versionOf()
    t.match(undoMove({ file, edges }), { ok: false, failure: /has not moved/ })

    const writer = new SqliteConnection(file)
    setMove(writer, { id: 'm', to: nowhere, at: '2026-11-30T10:00:00.000Z' })
    writer.database.close()
    const said = `moved: the store in ${file} moved to ${nowhere} at 2026-11-30T10:00:00.000Z: set database in [server] to that`
    t.equal((await movable.refusal()).slice(0, said.length), said)
    t.ok(versionOf() > 1000, 'earlier releases refuse it as too new')
    const copied = await backupStore({ database: `sqlite:${file}`, keyFile }, join(movable.dir, 'copy'))
    t.match(copied, { ok: false, failure: /moved to postgres:/ })

    t.match(undoMove({ file, edges }), { ok: true, value: { to: nowhere } })
    t.equal(versionOf(), version)
    const again = await movable.open()
    t.match(await again.store.read(tx => tx.listJobs()), [{ name: 'one' }])
    t.equal(await again.store.read(tx => tx.meta('moved.to')), undefined)
    await again.store[Symbol.asyncDispose]()
  },
)

t.test('a store that is not one, is new, or whose key is another is not moved', async t => {
  const movable = new Movable(t.testdir({ 'server.db': 'text' }))
  t.match(await movable.move(nowhere), /is not an SQLite database/)
  const fresh = new Movable(t.testdir({}))
  const { store } = await fresh.open()
  await store[Symbol.asyncDispose]()
  fresh.sql("UPDATE meta SET body = replace(body, '0', '1') WHERE id = 'key_check'")
  t.match(await fresh.move(nowhere), /^the key in .* is not the one with which/)
  fresh.sql("DELETE FROM meta WHERE id = 'key_check'")
  t.match(await fresh.move(nowhere), /is new: there is nothing to move/)
})

t.test('the password of an address is not shown', async t => {
  const secret = 'postgres://u:hush@h:5/db?sslmode=require&password=hush'
  t.equal(shownDatabase(secret), 'postgres://u@h:5/db?sslmode=require')
  t.ok(hasPassword(secret))
  t.ok(hasPassword('postgres://u@h/db?password=hush'))
  for (const without of [nowhere, 'postgres:///db?host=/run/postgresql', 'no address'])
    t.notOk(hasPassword(without))
})
