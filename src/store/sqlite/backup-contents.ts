/*
 * Checks a backup before any of it is used: it must be a whole SQLite file with exactly the tables of a store
 * and one more, whose rows are the files of the store.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { fail, ok, type Result } from '../../result.ts'
import { migrationsFor, newestVersion } from '../migrations.ts'
import { SqliteConnection } from './engine.ts'
import { isLogId } from './log-segments.ts'
import { applicationId } from './open.ts'

/** A file of the data directory that belongs to the store. */
export type BackupFile =
  | { kind: 'key' }
  | { kind: 'token'; name: string }
  | { kind: 'log'; id: string; start: string }

export const keyName = 'key'
export const tokenFiles = ['admin.token', 'registration.token']
export const backupTable = 'CREATE TABLE backup_files (name text PRIMARY KEY, bytes blob NOT NULL)'

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const logName = new RegExp(`^logs/(${uuid})/(0|[1-9][0-9]{0,15})$`)
/** The bytes of a key, and the most bytes of a token file and of a segment of a log. */
const sizes = { key: 32, token: 1024, log: 2 ** 26 }

const notBackup = (name: string, why: string) => fail(`${name} is not a backup of a runner server: ${why}`)

/** Checks that a file may be opened: opening a FIFO would wait for ever. Gives its size. */
export function checkKind(file: string): Result<number, string> {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined)
    return fail(`${file} is not there: name the file that \`runner server backup\` wrote`)
  return stat.isFile() ? ok(stat.size) : notBackup(file, 'it is not a regular file')
}

/**
 * Checks a regular file itself, before SQLite opens it; `name` is what the operator knows it by. Fails with a
 * sentence; throws system errors.
 */
export function checkFile(file: string, name: string): Result<void, string> {
  const no = (why: string) => notBackup(name, why)
  const header = Buffer.alloc(100)
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    if (readSync(fd, header) < header.length || header.toString('latin1', 0, 16) !== 'SQLite format 3\0')
      return no('it is not a file of SQLite')
    if (header.readUInt32BE(68) !== applicationId) return no('it is a database of another program')
    if (header[18] !== 1 || header[19] !== 1) return no('it is a database in use, not a copy')
    const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
    const whole = pageSize * header.readUInt32BE(28)
    if (size !== whole) return no(`it has ${size} bytes, and says that it has ${whole}: it may be cut off`)
    return ok(undefined)
  } finally {
    closeSync(fd)
  }
}

/**
 * Checks the contents of a backup. Fails with a sentence that continues after the name of the file; throws
 * the failure of SQLite where the file is damaged.
 */
export function checkContents(connection: SqliteConnection): Result<Map<string, BackupFile>, string> {
  connection.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  const schema = checkSchema(connection, backupTable)
  if (!schema.ok) return schema
  const [health] = connection.run('PRAGMA quick_check(1)')
  if (health?.quick_check !== 'ok') return fail('is damaged: make another backup')
  const ids = connection.run('SELECT id FROM logs UNION ALL SELECT log_id FROM log_trash')
  const odd = ids.find(({ id }) => typeof id !== 'string' || !isLogId(id))
  if (odd !== undefined) return fail(`has a log of the id ${JSON.stringify(String(odd.id).slice(0, 100))}`)
  const files = new Map<string, BackupFile>()
  const rows = connection.run(
    'SELECT name, typeof(name) AS name_type, typeof(bytes) AS type, length(bytes) AS size FROM backup_files',
  )
  for (const { name, name_type, type, size } of rows) {
    const file = name_type === 'text' ? fileOf(name as string) : undefined
    const shown = JSON.stringify(String(name).slice(0, 100))
    if (file === undefined) return fail(`has an entry ${shown}, which no store has`)
    if (files.has(name as string)) return fail(`has the entry ${shown} twice`)
    const fits = file.kind === 'key' ? size === sizes.key : (size as number) <= sizes[file.kind]
    if (type !== 'blob' || !fits) return fail(`has an entry ${shown} that is not what it should be`)
    files.set(name as string, file)
  }
  return ok(files)
}

function fileOf(name: string): BackupFile | undefined {
  if (name === keyName) return { kind: 'key' }
  if (tokenFiles.includes(name)) return { kind: 'token', name }
  const [, id, start] = logName.exec(name) ?? []
  return id === undefined || start === undefined ? undefined : { kind: 'log', id, start }
}

/**
 * Refuses any trigger, view or table that a store, with this statement besides, does not have: SQLite must
 * execute nothing but the store's own schema. Fails with a sentence that continues after the name of the
 * file.
 */
export function checkSchema(connection: SqliteConnection, besides: string): Result<void, string> {
  const version = connection.run('PRAGMA user_version')[0]!.user_version as number
  if (version > newestVersion)
    return fail(
      `is of version ${version}, and this program knows versions up to ${newestVersion}: use a newer one`,
    )
  const expected = new SqliteConnection(':memory:')
  try {
    for (const statements of migrationsFor('sqlite').slice(0, Math.max(0, version))) expected.exec(statements)
    expected.exec(besides)
    const [own, known] = [schemaOf(connection), schemaOf(expected)]
    const other = [...own].find(entry => !known.has(entry)) ?? [...known].find(entry => !own.has(entry))
    if (other === undefined) return ok(undefined)
    const { type, name } = JSON.parse(other) as { type: string; name: string }
    return fail(
      'does not have the tables of a store: ' +
        `${own.has(other) ? 'it has' : 'it lacks'} the ${type} ${name.slice(0, 100)}`,
    )
  } finally {
    expected.database.close()
  }
}

/** The statements of the tables that SQLite makes by itself. */
const ownTables: ReadonlySet<string> = new Set([
  'CREATE TABLE sqlite_sequence(name,seq)',
  'CREATE TABLE sqlite_stat1(tbl,idx,stat)',
  'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)',
])

/** Each table, index, view and trigger as text, except those that SQLite makes by itself. */
function schemaOf(connection: SqliteConnection): Set<string> {
  const rows = connection.run('SELECT type, name, tbl_name, sql FROM sqlite_schema')
  // An index with a statement was made by somebody, whatever its name is: each write executes its
  // expressions.
  const isOwn = ({ type, name, sql }: (typeof rows)[number]) =>
    type === 'index'
      ? sql === null && String(name).startsWith('sqlite_autoindex_')
      : type === 'table' && ownTables.has(String(sql))
  return new Set(
    rows
      .filter(row => !isOwn(row))
      .map(({ type, name, tbl_name, sql }) => JSON.stringify({ type, name, tbl_name, sql })),
  )
}
