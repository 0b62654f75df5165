/*
 * A copy of a whole store in one file: an SQLite database as it was at one moment, in which a further table has the
 * files that lie beside it: key, tokens, and logs.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeDirectory } from '../../journal/files.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { applicationId } from './open-sqlite.ts'
import { listed, Segments } from './segments.ts'
import { SqliteConnection } from './sqlite.ts'
import { explainSqlite } from './sqlite-failure.ts'

/** Where the parts of a store are. */
export interface Places {
  /** `sqlite:PATH`, or `postgres://…`. */
  database: string
  /** Where tokens and logs are; by default the directory of the SQLite file. */
  dataDir?: string
  keyFile: string
}

/** Files of the data directory that belong to the store. */
const tokenFiles = ['admin.token', 'registration.token']
const keyName = 'key'

/**
 * Writes a backup, mode 0600, whether or not a server runs: all of it on disk when this resolves, or no file (one of
 * that name stays as it was). Fails with a sentence.
 */
export async function backupStore(places: Places, file: string): Promise<Result<void, string>> {
  const source = pathOf(places.database)
  if (source === undefined) return fail(`${howToDump(places, file)}`)
  const draft = `${file}.${process.pid}.new`
  try {
    if (!existsSync(source)) return fail(`there is no store in ${source}`)
    closeSync(openSync(draft, 'wx', 0o600))
    const original = new SqliteConnection(source, { readOnly: true })
    try {
      if (!isStore(original)) return fail(`${source} is not the store of a runner server`)
      original.run('VACUUM INTO $1', draft)
    } finally {
      original.database.close()
    }
    await addFiles(draft, places, source)
    await sync(draft)
    renameSync(draft, file)
    await sync(dirname(file))
    return ok(undefined)
  } catch (error) {
    return fail(`the backup could not be made: ${errorText(explainSqlite(error).cause ?? error)}`)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Makes a store from a backup where there is none yet. Fails with a sentence, and then there is still none. */
export async function restoreStore(file: string, places: Places): Promise<Result<void, string>> {
  const target = pathOf(places.database)
  if (target === undefined) return fail('a database of PostgreSQL is restored by pg_restore')
  const draft = `${target}.${process.pid}.new`
  try {
    if (existsSync(target)) return fail(`there is a store in ${target} already: move it away first`)
    if (existsSync(places.keyFile))
      return fail(`there is a key file ${places.keyFile} already: move it away first`)
    for (const path of [target, places.keyFile]) makeDirectory(dirname(path))
    closeSync(openSync(draft, 'wx', 0o600))
    copyFileSync(file, draft)
    const connection = new SqliteConnection(draft)
    try {
      if (!isStore(connection) || !hasFiles(connection))
        return fail(`${file} is no backup of a runner server`)
      await takeFiles(connection, places, target)
      connection.exec('DROP TABLE backup_files; VACUUM')
    } finally {
      connection.database.close()
    }
    await sync(draft)
    // What is left of a database that was removed without these would be taken for a part of this one.
    for (const rest of ['-wal', '-shm', '-journal']) rmSync(target + rest, { force: true })
    renameSync(draft, target)
    await sync(dirname(target))
    return ok(undefined)
  } catch (error) {
    return fail(`the backup could not be restored: ${errorText(explainSqlite(error).cause ?? error)}`)
  } finally {
    rmSync(draft, { force: true })
  }
}

function howToDump({ database, keyFile }: Places, file: string): string {
  const url = new URL(database)
  url.password = ''
  return `with PostgreSQL, copy the database and the key file: pg_dump --format=custom --schema=runner --file=${quoted(file)} ${quoted(url.href)} && cp -p ${quoted(keyFile)} ${quoted(`${file}.key`)}`
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

function pathOf(database: string): string | undefined {
  return database.startsWith('sqlite:') ? database.slice('sqlite:'.length) : undefined
}

function isStore(connection: SqliteConnection): boolean {
  return connection.run('PRAGMA application_id')[0]!.application_id === applicationId
}

function hasFiles(connection: SqliteConnection): boolean {
  return connection.run("SELECT 1 FROM sqlite_schema WHERE name = 'backup_files'").length > 0
}

/** Puts the files that belong to a copy into it; of the logs what its rows count. */
async function addFiles(draft: string, { dataDir, keyFile }: Places, source: string): Promise<void> {
  const directory = dataDir ?? dirname(source)
  const segments = new Segments(join(directory, 'logs'), () => [])
  const connection = new SqliteConnection(draft)
  try {
    connection.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN')
    connection.exec('CREATE TABLE backup_files (name text PRIMARY KEY, bytes blob NOT NULL)')
    const add = (name: string, path: string, length?: number) => {
      const bytes = readIfThere(path)?.subarray(0, length)
      if (bytes !== undefined) connection.run('INSERT INTO backup_files VALUES ($1, $2)', name, bytes)
    }
    add(keyName, keyFile)
    for (const name of tokenFiles) add(name, join(directory, name))
    for (const { id, length } of connection.run('SELECT id, length FROM logs WHERE length > 0')) {
      const segmentsOf = segments.directory(id as string)
      for (const start of await listed(segmentsOf)) {
        const left = (length as number) - Number(start)
        if (left > 0) add(join('logs', id as string, start), join(segmentsOf, start), left)
      }
    }
    connection.exec('COMMIT')
  } finally {
    connection.database.close()
  }
}

async function takeFiles(
  connection: SqliteConnection,
  { dataDir, keyFile }: Places,
  target: string,
): Promise<void> {
  const directory = dataDir ?? dirname(target)
  const segments = new Segments(join(directory, 'logs'), () => [])
  const directories = new Set<string>()
  for (const { name } of connection.run('SELECT name FROM backup_files')) {
    const parts = (name as string).split('/')
    const path =
      name === keyName
        ? keyFile
        : parts[0] === 'logs'
          ? join(segments.directory(parts[1]!), basename(parts[2]!))
          : join(directory, basename(name as string))
    makeDirectory(dirname(path))
    const [row] = connection.run('SELECT bytes FROM backup_files WHERE name = $1', name!)
    await using written = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
    await written.writeFile(row!.bytes as Uint8Array)
    await written.sync()
    directories.add(dirname(path))
  }
  for (const path of directories) await sync(path)
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path)
  await file.sync()
}
