import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { withSubject } from '../../support/store-subject.ts'
import { conformance } from '../conformance.ts'

let stores = 0

t.test('SQLite does what a store must', t =>
  conformance(t, async body => {
    const dir = join(t.testdir({}), `${++stores}`)
    const database = `sqlite:${join(dir, 'server.db')}`
    await withSubject({ database, keyFile: join(dir, 'server.key') }, body)
  }),
)

async function openIn(dir: string) {
  const opened = await openStore({
    database: `sqlite:${join(dir, 'server.db')}`,
    keyFile: join(dir, 'server.key'),
  })
  if (!opened.ok) throw new Error(opened.failure.detail)
  return opened.value.store
}

t.test('a reader that gets no connection fails as a store fails', async t => {
  const dir = t.testdir({})
  const store = await openIn(dir)
  // The store has one reader by now, so one inside another needs a second.
  const nested = store.read(async () => {
    rmSync(join(dir, 'server.db'))
    return store.read(tx => tx.meta('a'))
  })
  await t.rejects(nested, { name: 'StoreFailure', reason: 'failed' })
  await store[Symbol.asyncDispose]()
})

t.test('where the list of files to remove cannot be read, the files stay and the store works on', async t => {
  const dir = t.testdir({})
  await (await openIn(dir))[Symbol.asyncDispose]()
  const database = new DatabaseSync(join(dir, 'server.db'))
  database.exec('DROP TABLE log_trash')
  database.close()
  const store = await openIn(dir)
  await store.write(async tx => tx.setMeta('a', '1'))
  t.equal(await store.read(tx => tx.meta('a')), '1')
  await store[Symbol.asyncDispose]()
})

t.test('a connection whose transaction cannot be ended is replaced, and its reader is answered', async t => {
  const store = await openIn(t.testdir({}))
  await store.write(async tx => tx.setMeta('a', '1'))
  const { exec } = DatabaseSync.prototype
  t.teardown(() => Object.assign(DatabaseSync.prototype, { exec }))
  let failed = 0
  DatabaseSync.prototype.exec = function (sql) {
    if (sql !== 'ROLLBACK') return exec.call(this, sql)
    failed++
    throw new Error('disk I/O error')
  }
  // More readers than there may be connections: the rest wait for theirs.
  const readers = Array.from({ length: 20 }, () => store.read(tx => tx.meta('a')))
  t.same(await Promise.all(readers), Array(20).fill('1'))
  t.equal(failed, 20)
  DatabaseSync.prototype.exec = exec
  t.equal(await store.read(tx => tx.meta('a')), '1')
  await store[Symbol.asyncDispose]()
})
