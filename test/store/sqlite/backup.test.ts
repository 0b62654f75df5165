import { createPrivateKey, createPublicKey, randomBytes, randomUUID } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openStore } from '../../../src/store/open.ts'
import { backupStore, type Places } from '../../../src/store/sqlite/backup.ts'
import { restoreStore } from '../../../src/store/sqlite/restore.ts'
import { makeFifo } from '../../support/fifo.ts'
import { rsaKeys } from '../../support/keys.ts'
import { execution, job } from '../../support/rows.ts'
import { named } from '../../support/server-caller.ts'
import { readAll, write } from '../log-conformance.ts'

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
    t.same(await backupStore(from, file, { withTokens: true }), { ok: true, value: undefined })
  stop = true
  await writing
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.same(readdirSync(dir).sort(), ['backup', 'from', 'to'], 'nothing else is left')
  await store[Symbol.asyncDispose]()

  // As one who keeps it so that others may read it, or that nobody may change it.
  chmodSync(file, 0o444)
  t.same(await restoreStore(file, to), { ok: true, value: { makesTokens: false } })
  t.same(readdirSync(join(dir, 'to')).sort(), ['admin.token', 'logs', 'server.db', 'server.key'])
  t.equal(statSync(to.keyFile).mode & 0o777, 0o600)
  t.equal(statSync(join(dir, 'to', 'server.db')).mode & 0o777, 0o600)
  const copy = await opened(to)
  t.equal(copy.keys.openAtRest((await copy.store.read(tx => tx.job(named('a'))))!.sealed), 'secret')
  await copy.store.read(async tx => {
    t.ok(await tx.execution(id))
    t.equal(await tx.meta('left'), await tx.meta('right'))
  })
  t.ok((await readAll(copy.store, id)).subarray(0, bytes.length).equals(bytes), 'the log is there')
  await copy.store[Symbol.asyncDispose]()

  t.match(await restoreStore(file, to), { ok: false, failure: /there is a store in .* already/ })
  t.match(await restoreStore(join(dir, 'from', 'server.db'), placesIn(join(dir, 'third'))), {
    ok: false,
    failure: /is not a backup of a runner server: it is a database in use/,
  })
  t.notOk(existsSync(join(dir, 'third', 'server.db')))
})

/** Changes that somebody made to a backup; in SQL, or to its file. */
const hostile: [title: string, change: string | ((file: string) => void), failure: RegExp][] = [
  [
    'a name above the directory',
    "UPDATE backup_files SET name = '../../evil'",
    /an entry "\.\.\/\.\.\/evil"/,
  ],
  ['a name that is ..', "UPDATE backup_files SET name = '..' WHERE name = 'key'", /an entry "\.\."/],
  ['the name of a log that goes up', "UPDATE backup_files SET name = 'logs/../../../x/0'", /an entry "logs/],
  ['the name of half a log', "UPDATE backup_files SET name = 'logs'", /an entry "logs"/],
  [
    'a start that goes up',
    "UPDATE backup_files SET name = name || '/../../../x' WHERE name LIKE 'logs%'",
    /an entry/,
  ],
  ['an absolute name', "UPDATE backup_files SET name = '/etc/x'", /an entry "\/etc\/x"/],
  ['an empty name', "UPDATE backup_files SET name = '' WHERE name = 'key'", /an entry ""/],
  ['a name with a NUL', "UPDATE backup_files SET name = 'key' || char(0) || 'x'", /an entry "key/],
  ['a name that is bytes', "UPDATE backup_files SET name = x'6b6579' WHERE name = 'key'", /an entry/],
  ['no name', "UPDATE backup_files SET name = NULL WHERE name = 'key'", /an entry "null"/],
  [
    'another file of the store',
    "UPDATE backup_files SET name = 'server.db' WHERE name = 'key'",
    /"server\.db"/,
  ],
  ['a key that is text', "UPDATE backup_files SET bytes = 'x' WHERE name = 'key'", /"key" that is not what/],
  [
    'a key that is long',
    "UPDATE backup_files SET bytes = zeroblob(33) WHERE name = 'key'",
    /"key" that is not/,
  ],
  [
    'a huge token',
    "UPDATE backup_files SET bytes = zeroblob(1e8) WHERE name = 'admin.token'",
    /"admin\.token"/,
  ],
  [
    'a trigger',
    'CREATE TRIGGER x AFTER DELETE ON tokens BEGIN DELETE FROM jobs; END',
    /it has the trigger x/,
  ],
  ['the id of a log that goes up', "UPDATE logs SET id = '../../x'", /a log of the id "\.\.\/\.\.\/x"/],
  ['files to remove elsewhere', "INSERT INTO log_trash VALUES ('../../..', 0, 1e9)", /a log of the id "\.\./],
  ['a view', 'CREATE VIEW x AS SELECT 1', /it has the view x/],
  ['an index that calls itself one of SQLite', indexOfSqlite, /it has the index sqlite_autoindex_x_1/],
  [
    'a view in the place of the files',
    "DROP TABLE backup_files; CREATE VIEW backup_files AS SELECT 'key' AS name, x'00' AS bytes",
    /it has the view backup_files/,
  ],
  [
    'each name twice',
    'CREATE TABLE x AS SELECT * FROM backup_files; DROP TABLE backup_files; ALTER TABLE x RENAME TO backup_files',
    /it has the table backup_files/,
  ],
  ['no files', 'DROP TABLE backup_files', /it lacks the table backup_files/],
  ['no jobs', 'DROP TABLE jobs', /it lacks the table jobs/],
  ['a newer version', 'PRAGMA user_version = 1000', /version 1000.*use a newer one/],
  ['a version below 0', 'PRAGMA user_version = -5', /does not have the tables/],
  ['the id of another program', 'PRAGMA application_id = 1', /a database of another program/],
  ['a journal of its own', 'PRAGMA journal_mode = WAL', /a database in use/],
  ['half of it', file => truncateSync(file, statSync(file).size / 2), /may be cut off/],
  ['much more, of no disk', file => truncateSync(file, 1e12), /may be cut off/],
  ['nothing', file => truncateSync(file, 0), /not a file of SQLite/],
  ['text', file => writeFileSync(file, 'x'.repeat(5000)), /not a file of SQLite/],
  ['pages of zeros', file => writeFileSync(file, zeroed(file)), /damaged|malformed|not what it should be/],
]

function indexOfSqlite(file: string): void {
  const database = new DatabaseSync(file, { defensive: false })
  database.exec(`CREATE INDEX x ON meta(length(body)); PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET name = 'sqlite_autoindex_x_1', sql = replace(sql, 'INDEX x', 'INDEX sqlite_autoindex_x_1')
WHERE name = 'x'`)
  database.close()
}

function zeroed(file: string): Buffer {
  const bytes = readFileSync(file)
  return bytes.fill(0, 4096 * 3, bytes.length - 4096)
}

t.test('a backup that somebody has changed is refused as a whole, and writes nothing', async t => {
  const dir = t.testdir({ from: {} })
  const from = placesIn(join(dir, 'from'))
  const { store } = await opened(from)
  const id = randomUUID()
  await store.write(async tx => tx.putExecution(execution({ id })))
  await write(store, id, 0, Buffer.from('a log'))
  await store[Symbol.asyncDispose]()
  writeFileSync(join(dir, 'from', 'admin.token'), 'token\n', { mode: 0o600 })
  const good = join(dir, 'good')
  t.same(await backupStore(from, good, { withTokens: true }), { ok: true, value: undefined })
  const all = () => readdirSync(dir, { recursive: true }).sort()
  const bad = join(dir, 'bad')
  for (const [title, change, failure] of hostile) {
    copyFileSync(good, bad)
    if (typeof change === 'string') {
      const database = new DatabaseSync(bad)
      try {
        // Where all rows have one name now, there is one row.
        if (change.startsWith('UPDATE backup_files') && !change.includes('WHERE'))
          database.exec("DELETE FROM backup_files WHERE name <> 'key'")
        database.exec(change)
      } finally {
        database.close()
      }
    } else change(bad)
    const before = all()
    const to = { ...placesIn(join(dir, 'to', 'deep')), dataDir: join(dir, 'to', 'data') }
    const restored = await restoreStore(bad, to)
    t.notOk(restored.ok, title)
    t.match(restored.ok ? '' : restored.failure, failure, title)
    t.same(all(), before, 'nothing is written')
  }

  const to = { ...placesIn(join(dir, 'to')), dataDir: join(dir, 'to') }
  makeFifo(join(dir, 'pipe'))
  t.match(await restoreStore(join(dir, 'pipe'), to), { failure: /not a regular file/ })
  t.match(await restoreStore(dir, to), { failure: /not a regular file/ })
  t.match(await restoreStore(join(dir, 'none'), to), { failure: /none is not there: name the file that/ })

  mkdirSync(join(dir, 'to'))
  writeFileSync(join(dir, 'of others'), 'as it was')
  symlinkSync(join(dir, 'of others'), join(dir, 'to', 'admin.token'))
  t.match(await restoreStore(good, to), { failure: /there is .*admin\.token already: move it away first/ })
  t.equal(readFileSync(join(dir, 'of others'), 'utf8'), 'as it was')
  t.same(readdirSync(join(dir, 'to')), ['admin.token'], 'what it had made has gone')
  t.ok(lstatSync(join(dir, 'to', 'admin.token')).isSymbolicLink())
})

t.test('a sealed backup that somebody has cut off or changed is refused, and writes nothing', async t => {
  const dir = t.testdir({ from: {} })
  const from = placesIn(join(dir, 'from'))
  const { store } = await opened(from)
  const id = randomUUID()
  await store.write(async tx => tx.putExecution(execution({ id })))
  for (let at = 0; at < 3_000_000; at += 1_000_000) await write(store, id, at, randomBytes(1_000_000))
  await store[Symbol.asyncDispose]()
  const [own, other] = [rsaKeys('runner'), rsaKeys('another')]
  const [identity, stranger] = [createPrivateKey(own.privateKey), createPrivateKey(other.privateKey)]
  const good = join(dir, 'good')
  t.same(await backupStore(from, good, { recipient: createPublicKey(own.publicKey) }), {
    ok: true,
    value: undefined,
  })
  t.equal(statSync(good).mode & 0o777, 0o600)
  t.same(
    readdirSync(join(dir, 'from')).filter(name => /backup|new/.test(name)),
    [],
    'no copy in clear is left',
  )
  const bytes = readFileSync(good)
  t.notOk(bytes.includes('SQLite format 3'))
  t.notOk(bytes.includes(readFileSync(from.keyFile)))

  const piece = (1 << 20) + 16
  const header = bytes.length - Math.floor(bytes.length / piece) * piece
  const swapped = Buffer.from(bytes)
  bytes.copy(swapped, 1000, 1000 + piece, 1000 + 2 * piece)
  const flipped = (at: number) => {
    const copy = Buffer.from(bytes)
    copy[at]! ^= 1
    return copy
  }
  const changes: [string, Buffer, RegExp?][] = [
    ...[
      0,
      40,
      500,
      piece - 1,
      piece,
      2 * piece,
      bytes.length - header,
      bytes.length - 17,
      bytes.length - 1,
    ].map((length): [string, Buffer, RegExp?] => [`cut off at ${length}`, bytes.subarray(0, length), /./]),
    ...[30, 36, 60, 420, 600, piece + 600, bytes.length - 1].map((at): [string, Buffer, RegExp?] => [
      `changed at ${at}`,
      flipped(at),
      /./,
    ]),
    ['longer', Buffer.concat([bytes, Buffer.alloc(1)])],
    ['with a piece twice', swapped],
    ['without its first piece', Buffer.concat([bytes.subarray(0, 420), bytes.subarray(420 + piece)])],
  ]
  const to = placesIn(join(dir, 'to'))
  const bad = join(dir, 'bad')
  for (const [
    title,
    content,
    failure = /bad is not as it was sealed: it has been cut off or changed/,
  ] of changes) {
    writeFileSync(bad, content)
    const restored = await restoreStore(bad, to, identity)
    t.notOk(restored.ok, title)
    t.match(restored.ok ? '' : restored.failure, failure, title)
    t.same(readdirSync(dir).sort(), ['bad', 'from', 'good'], 'nothing is written')
  }
  t.match(await restoreStore(good, to), { failure: /good is sealed to a public key: name .* by --identity/ })
  t.match(await restoreStore(good, to, stranger), { failure: /good was sealed to the public key of another/ })
  t.same(await backupStore(from, bad), { ok: true, value: undefined })
  t.match(await restoreStore(bad, to, identity), { failure: /bad is not sealed, and --identity was given/ })
  t.same(await restoreStore(good, to, identity), { ok: true, value: { makesTokens: true } })
  const copy = await opened(to)
  t.equal((await readAll(copy.store, id)).length, 3_000_000)
  await copy.store[Symbol.asyncDispose]()
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
    'pg_dump --format=custom --schema=runner --file=/backup/today postgres://me@db.example/runner',
  )
  t.match(said, "cp -p '/etc/the server'\\''s key' /backup/today.key")
})
