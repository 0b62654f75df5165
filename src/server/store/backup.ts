/*
 * A copy of a whole store in one file: an SQLite database as it was at one moment, in which a further table has the
 * files that lie beside it: key, tokens, and logs.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDirectory } from '../../journal/files.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import {
  type BackupFile,
  backupTable,
  checkContents,
  checkFile,
  keyName,
  tokenFiles,
} from './backup-contents.ts'
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

/**
 * Makes a store from a backup where there is none yet. All of it is judged before anything is written. Fails with a
 * sentence, and then there is nothing more than before.
 */
export async function restoreStore(file: string, places: Places): Promise<Result<void, string>> {
  const target = pathOf(places.database)
  if (target === undefined) return fail('a database of PostgreSQL is restored by pg_restore')
  const draft = `${target}.${process.pid}.new`
  await using made = new Made()
  try {
    if (isThere(target)) return fail(`there is a store in ${target} already: move it away first`)
    if (isThere(places.keyFile))
      return fail(`there is a key file ${places.keyFile} already: move it away first`)
    const checked = checkFile(file)
    if (!checked.ok) return checked
    made.directory(dirname(target))
    const { bavail, bsize } = statfsSync(dirname(target))
    if (checked.value.size > bavail * bsize)
      return fail(
        `${file} has ${checked.value.size} bytes, and there are ${bavail * bsize} free in ${dirname(target)}`,
      )
    closeSync(openSync(draft, 'wx', 0o600))
    copyFileSync(file, draft)
    const connection = new SqliteConnection(draft)
    try {
      const files = checkContents(connection)
      if (!files.ok) return fail(`${file} ${files.failure}`)
      const taken = await takeFiles(connection, files.value, places, target, made)
      if (!taken.ok) return taken
      connection.exec('DROP TABLE backup_files; VACUUM')
    } finally {
      connection.database.close()
    }
    await sync(draft)
    // What is left of a database that was removed without these would be taken for a part of this one.
    for (const rest of ['-wal', '-shm', '-journal']) rmSync(target + rest, { force: true })
    renameSync(draft, target)
    made.keep()
    await sync(dirname(target))
    return ok(undefined)
  } catch (error) {
    return fail(`the backup could not be restored: ${explained(error, draft, file)}`)
  } finally {
    for (const rest of ['', '-journal']) rmSync(draft + rest, { force: true })
  }
}

/** What the system or SQLite says, about the file that a person knows. */
function explained(error: unknown, draft: string, file: string): string {
  return errorText(explainSqlite(error).cause ?? error).replaceAll(draft, file)
}

/** Whether something has a name, be it a link that leads nowhere. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** What a restore has made; it goes where that fails. */
class Made implements AsyncDisposable {
  readonly #files: string[] = []
  readonly #directories: string[] = []
  #kept = false

  /** Makes a directory, and those above it. */
  directory(path: string): void {
    if (existsSync(path)) return
    this.directory(dirname(path))
    makeDirectory(path)
    this.#directories.push(path)
  }

  /** Makes a file where there is none; what a link in its place leads to stays as it is. */
  async file(path: string, bytes: Uint8Array): Promise<void> {
    this.directory(dirname(path))
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    await using written = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    this.#files.push(path)
    await written.writeFile(bytes)
    await written.sync()
  }

  keep(): void {
    this.#kept = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept) return
    for (const path of this.#files) rmSync(path, { force: true })
    for (const path of this.#directories.toReversed())
      try {
        rmdirSync(path)
      } catch {
        // Somebody else uses it by now.
      }
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

/** Puts the files that belong to a copy into it; of the logs what its rows count. */
async function addFiles(draft: string, { dataDir, keyFile }: Places, source: string): Promise<void> {
  const directory = dataDir ?? dirname(source)
  const segments = new Segments(join(directory, 'logs'), () => [])
  const connection = new SqliteConnection(draft)
  try {
    connection.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN')
    connection.exec(backupTable)
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
  files: ReadonlyMap<string, BackupFile>,
  { dataDir, keyFile }: Places,
  target: string,
  made: Made,
): Promise<Result<void, string>> {
  const directory = dataDir ?? dirname(target)
  const segments = new Segments(join(directory, 'logs'), () => [])
  const pathOf = (file: BackupFile) =>
    file.kind === 'key'
      ? keyFile
      : file.kind === 'token'
        ? join(directory, file.name)
        : join(segments.directory(file.id), file.start)
  const directories = new Set<string>()
  for (const [name, file] of files) {
    const path = pathOf(file)
    if (isThere(path)) return fail(`there is ${path} already: move it away first`)
    const [row] = connection.run('SELECT bytes FROM backup_files WHERE name = $1', name)
    await made.file(path, row!.bytes as Uint8Array)
    directories.add(dirname(path))
  }
  for (const path of directories) await sync(path)
  return ok(undefined)
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
