import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { openStore } from '../../../src/store/open.ts'
import type { LogRow } from '../../../src/store/rows.ts'
import type { Store } from '../../../src/store/store.ts'
import { failureOf } from '../../store/conformance.ts'
import { readAll, write } from '../../store/log-conformance.ts'
import { job, log } from '../../support/rows.ts'
import { named } from '../../support/server-caller.ts'

const mebibyte = 1 << 20

const open = (dir: string) =>
  openStore({ database: `sqlite:${join(dir, 'server.db')}`, keyFile: join(dir, 'server.key') })

async function storeIn(dir: string): Promise<Store> {
  const opened = await open(dir)
  if (!opened.ok) throw new Error(opened.failure.detail)
  return opened.value.store
}

/** The reason why a store cannot be opened. */
async function refusal(dir: string): Promise<string> {
  const opened = await open(dir)
  if (opened.ok) {
    await opened.value.store[Symbol.asyncDispose]()
    return 'it was opened'
  }
  return `${opened.failure.reason}: ${opened.failure.detail}`
}

/** A directory with a store that has been closed. */
async function closedStore(
  t: Test,
  fill: (store: Store) => Promise<unknown> = async () => {},
): Promise<string> {
  const dir = t.testdir({})
  await using store = await storeIn(dir)
  await fill(store)
  return dir
}

const segmentsOf = (dir: string, id: string) => join(dir, 'logs', id.slice(0, 2), id)

t.test('nothing of a store can be read by others, and a closed one is in one file and its logs', async t => {
  const dir = await closedStore(t, store => write(store, 'ab-c', 0, Buffer.from('x')))
  t.same(readdirSync(dir).sort(), ['locks', 'logs', 'server.db', 'server.key'])
  // The holder of the lock is no secret, and its directory is closed.
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' }))
    if (!name.startsWith('locks/')) t.equal(statSync(join(dir, name)).mode & 0o077, 0, name)
})

t.test('a second server on the same file is refused, and told who has it', async t => {
  const dir = t.testdir({})
  {
    await using _store = await storeIn(dir)
    t.match(
      await refusal(dir),
      new RegExp(`^in-use: another server has .*, process ${process.pid} since \\d{4}-`),
    )
  }
  t.equal(await refusal(dir), 'it was opened')
})

t.test('what cannot be a store is refused with a reason, and left as it is', async t => {
  const dir = t.testdir({
    file: '',
    text: { 'server.db': 'this is no database\n'.repeat(99) },
    other: {},
  })
  t.match(await refusal(join(dir, 'file')), /^not-accessible: .*server\.db cannot be used: /)
  t.match(await refusal('/proc/none'), /^not-accessible: /)
  t.match(await refusal(join(dir, 'text')), /^not-a-store: .*server\.db is not an SQLite database/)
  t.match(readFileSync(join(dir, 'text', 'server.db'), 'utf8'), /^this is no database\n/)
  const other = new DatabaseSync(join(dir, 'other', 'server.db'))
  other.exec('CREATE TABLE t (x)')
  other.close()
  t.match(await refusal(join(dir, 'other')), /^not-a-store: .* is a database of another program/)
  const invalid = await openStore({ database: 'mysql://x', keyFile: '' })
  t.match(invalid, { ok: false, failure: { reason: 'database-invalid' } })
})

t.test('a store that a newer program has migrated is refused, and left as it is', async t => {
  const dir = await closedStore(t)
  const database = new DatabaseSync(join(dir, 'server.db'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  t.match(
    await refusal(dir),
    /^too-new: .* has version 99, and this program knows versions up to \d+: use the newer/,
  )
})

t.test('a damaged store says so, when it is opened or when it is used', async t => {
  const dir = await closedStore(t, store =>
    store.write(async tx => {
      for (let index = 0; index < 500; index++) {
        tx.putJob(job(`job-${index}`, 'x'.repeat(200)))
        tx.putLog(log(`log-${index}`, 0))
      }
    }),
  )
  const file = join(dir, 'server.db')
  const bytes = readFileSync(file)
  const pages = bytes.length / 4096
  const said = new Set<string>()
  const damage = fc.record({
    page: fc.nat(pages - 1),
    count: fc.integer({ min: 1, max: pages }),
    with: fc.nat(255),
  })
  await fc.assert(
    fc.asyncProperty(damage, async ({ page, count, with: value }) => {
      writeFileSync(file, Buffer.from(bytes).fill(value, page * 4096, Math.min(pages, page + count) * 4096))
      for (const rest of ['-wal', '-shm']) rmSync(file + rest, { force: true })
      const opened = await open(dir)
      if (!opened.ok) return void said.add(opened.failure.reason)
      await using store = opened.value.store
      said.add((await failureOf(store.read(tx => tx.listJobs()))) ?? 'fine')
      said.add((await failureOf(store.write(async tx => tx.putJob(job('another'))))) ?? 'fine')
    }),
    { numRuns: 60, seed: 1 },
  )
  t.ok(said.has('damaged'))
  const expected = ['damaged', 'failed', 'fine', 'not-a-store', 'key-invalid']
  t.same(
    [...said].filter(reason => !expected.includes(reason)),
    [],
  )
})

t.test('a row that cannot be read fails those who ask for it, and nobody else', async t => {
  const dir = await closedStore(t, store =>
    store.write(async tx => {
      for (const name of ['good', 'bad']) tx.putJob(job(name))
    }),
  )
  const database = new DatabaseSync(join(dir, 'server.db'))
  database.exec(`UPDATE jobs SET body = '{' WHERE id = 'bad'`)
  database.close()
  await using store = await storeIn(dir)
  const touch = (name: string) =>
    store.write(async tx => tx.putJob({ ...(await tx.job(named(name)))!, sealed: 'touched' }), {
      jobs: [name],
    })
  t.same(await Promise.all([failureOf(touch('bad')), failureOf(touch('good'))]), ['damaged', undefined])
  t.equal((await store.read(tx => tx.job(named('good'))))?.sealed, 'touched')
})

t.test('a store is opened with its own key only, which others cannot read', async t => {
  const dir = await closedStore(t)
  const key = join(dir, 'server.key')
  const bytes = readFileSync(key)
  t.equal(bytes.length, 32)
  t.equal(statSync(key).mode & 0o777, 0o600)
  chmodSync(key, 0o640)
  t.match(await refusal(dir), /^key-invalid: others than its owner can use the key file .*: chmod 600 /)
  rmSync(key)
  t.match(await refusal(dir), /^key-invalid: the key file .* is not there/)
  t.notOk(existsSync(key), 'none is made for a store that has one')
  writeFileSync(key, Buffer.alloc(32), { mode: 0o600 })
  t.match(await refusal(dir), /^key-invalid: .* is not the one with which the store is sealed/)
  writeFileSync(key, Buffer.alloc(31))
  t.match(await refusal(dir), /^key-invalid: .* does not have 32 bytes/)
  writeFileSync(key, bytes)
  t.equal(await refusal(dir), 'it was opened')
})

t.test('rows and files of logs agree after a crash, whichever had come further', async t => {
  const rows = new Map<string, LogRow>()
  const ids = Object.fromEntries(
    ['longer', 'shorter', 'gone', 'beyond', 'complete', 'tail', 'head', 'whole'].map(name => [
      name,
      randomUUID(),
    ]),
  ) as Record<string, string>
  const size = 2 * mebibyte + 10
  const dir = await closedStore(t, async store => {
    for (const id of Object.values(ids))
      for (let at = 0; at < size; at += mebibyte)
        await write(store, id, at, Buffer.alloc(Math.min(mebibyte, size - at), 'x'))
    await store.write(async tx => {
      tx.putLog(log(ids.complete!, size, { complete: true }))
      for (const name of ['tail', 'head', 'whole'])
        tx.putLog(log(ids[name]!, size, { head: 100, tail: mebibyte + 100, scanned: size }))
    })
  })
  const file = (name: string, start = 2 * mebibyte) => join(segmentsOf(dir, ids[name]!), String(start))
  appendFileSync(file('longer'), 'not counted')
  truncateSync(file('shorter'), 5)
  rmSync(segmentsOf(dir, ids.gone!), { recursive: true })
  writeFileSync(file('beyond', 3 * mebibyte), 'not counted')
  truncateSync(file('complete'), 5)
  truncateSync(file('tail'), 3)
  rmSync(file('tail', 0))
  mkdirSync(join(dir, 'keep'))
  copyFileSync(file('head', 0), join(dir, 'keep', 'head'))
  truncateSync(file('head', 0), 50)
  for (let round = 0; round < 2; round++) {
    await using store = await storeIn(dir)
    for (const [name, id] of Object.entries(ids)) rows.set(name, (await store.read(tx => tx.log(id)))!)
    const lengths = Object.fromEntries([...rows].map(([name, { length }]) => [name, length]))
    t.same(lengths, {
      longer: size,
      shorter: 2 * mebibyte + 5,
      gone: 0,
      beyond: size,
      complete: size,
      tail: 0,
      head: 50,
      whole: size,
    })
    t.match(rows.get('head'), { head: null, tail: null, scanned: 50 })
    t.match(rows.get('whole'), { head: 100, tail: mebibyte + 100 })
    for (const name of ['longer', 'shorter', 'gone', 'beyond', 'head'])
      t.equal((await readAll(store, ids[name]!)).length, lengths[name], name)
    // The next part of a log must be where it should be.
    const { length } = rows.get('shorter')!
    if (round === 0) {
      await write(store, ids.shorter!, length, Buffer.from('next'))
      t.equal(String(await readAll(store, ids.shorter!, length - 2)), 'xxnext')
      await store.write(async tx => tx.putLog(log(ids.shorter!, length)))
    }
  }
  t.equal(statSync(file('longer')).size, 10)
  t.notOk(existsSync(file('beyond', 3 * mebibyte)))
})

t.test('no row leads out of the directory of logs', async t => {
  const dir = t.testdir({ data: {}, victim: { 0: 'mine', 1048576: 'mine too' } })
  const data = join(dir, 'data')
  {
    await using store = await storeIn(data)
    await write(store, 'id', 0, Buffer.from('x'))
  }
  const database = new DatabaseSync(join(data, 'server.db'))
  database.exec(`INSERT INTO log_trash VALUES ('../victim', 0, ${Number.MAX_SAFE_INTEGER})`)
  database.exec(
    "UPDATE logs SET id = '../victim', complete = 0, body = replace(body, '\"id\"', '\"../victim\"')",
  )
  t.match(database.prepare('SELECT body FROM logs').get()!.body, /victim/)
  database.close()
  {
    await using store = await storeIn(data)
    await write(store, 'other', 0, Buffer.from('x'))
    t.equal(await failureOf(readAll(store, '../victim')), 'damaged')
  }
  t.same(readdirSync(join(dir, 'victim')), ['0', '1048576'])
  t.equal(readFileSync(join(dir, 'victim', '0'), 'utf8'), 'mine')
})
