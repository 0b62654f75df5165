import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { backupStore, type Places, restoreStore } from '../../../src/server/store/backup.ts'
import { openStore } from '../../../src/server/store/open.ts'
import { readAll, write } from './log-conformance.ts'
import { execution, job } from './rows.ts'

const placesIn = (dir: string) => ({
  database: `sqlite:${join(dir, 'server.db')}`,
  keyFile: join(dir, 'server.key'),
})

async function opened(places: Places) {
  const result = await openStore(places)
  if (!result.ok) throw new Error(result.failure.detail)
  return result.value
}

t.test('a backup of a running store is all of it at one moment, and can be restored elsewhere', async t => {
  const dir = t.testdir({ from: {}, to: {} })
  const [from, to] = [placesIn(join(dir, 'from')), placesIn(join(dir, 'to'))]
  const file = join(dir, 'backup')
  const { store, keys } = await opened(from)
  writeFileSync(join(dir, 'from', 'admin.token'), 'token\n', { mode: 0o600 })
  const id = randomUUID()
  const bytes = Buffer.alloc(2_500_000, 'log')
  await store.write(async tx => {
    tx.putExecution(execution({ id }))
    tx.putJob(job('a', keys.sealAtRest('secret')))
  })
  for (let at = 0; at < bytes.length; at += 1_000_000)
    await write(store, id, at, bytes.subarray(at, at + 1_000_000))

  let written = 0
  let stop = false
  const writing = (async () => {
    while (!stop) {
      await store.write(async tx => {
        tx.setMeta('left', String(++written))
        tx.setMeta('right', String(written))
      })
      await write(store, id, bytes.length + written - 1, Buffer.from('x'))
    }
  })()
  for (let round = 0; round < 3; round++)
    t.same(await backupStore(from, file), { ok: true, value: undefined })
  stop = true
  await writing
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(readdirSync(dir).sort(), ['backup', 'from', 'to'], 'nothing else is left')
  await store[Symbol.asyncDispose]()

  t.same(await restoreStore(file, to), { ok: true, value: undefined })
  t.same(readdirSync(join(dir, 'to')).sort(), ['admin.token', 'logs', 'server.db', 'server.key'])
  t.equal(statSync(to.keyFile).mode & 0o777, 0o600)
  t.equal(statSync(join(dir, 'to', 'server.db')).mode & 0o777, 0o600)
  const copy = await opened(to)
  t.equal(copy.keys.openAtRest((await copy.store.read(tx => tx.job('a')))!.sealed), 'secret')
  await copy.store.read(async tx => {
    t.ok(await tx.execution(id))
    t.equal(await tx.meta('left'), await tx.meta('right'))
  })
  t.ok((await readAll(copy.store, id)).subarray(0, bytes.length).equals(bytes), 'the log is there')
  await copy.store[Symbol.asyncDispose]()

  t.match(await restoreStore(file, to), { ok: false, failure: /there is a store in .* already/ })
  t.match(await restoreStore(join(dir, 'from', 'server.db'), placesIn(join(dir, 'third'))), {
    ok: false,
    failure: /is no backup/,
  })
  t.notOk(existsSync(join(dir, 'third', 'server.db')))
})

t.test('a backup that cannot be made leaves the one before alone, and says why', async t => {
  const dir = t.testdir({ backup: 'the one before', 'other.db': 'no database' })
  const file = join(dir, 'backup')
  const missing = await backupStore(placesIn(join(dir, 'none')), file)
  t.match(missing, { ok: false, failure: /there is no store in/ })
  const other = await backupStore({ database: `sqlite:${join(dir, 'other.db')}`, keyFile: '' }, file)
  t.match(other, { ok: false, failure: /could not be made: file is not a database/ })
  t.equal(readFileSync(file, 'utf8'), 'the one before')
  t.same(readdirSync(dir).sort(), ['backup', 'other.db'])
})

t.test('with PostgreSQL the command is said, without the password', async t => {
  const result = await backupStore(
    { database: 'postgres://me:secret@db.example/runner', keyFile: "/etc/the server's key" },
    '/backup/today',
  )
  t.notOk(result.ok)
  const said = result.ok ? '' : result.failure
  t.notMatch(said, /secret/)
  t.match(
    said,
    "pg_dump --format=custom --schema=runner --file='/backup/today' 'postgres://me@db.example/runner'",
  )
  t.match(said, "cp -p '/etc/the server'\\''s key' '/backup/today.key'")
})
