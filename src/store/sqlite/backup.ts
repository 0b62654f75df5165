/*
 * A backup is a whole store in one file: the SQLite database as it was at one moment, with one more table,
 * whose rows are the files beside the database: key, logs and, if they are wanted, tokens. It may be sealed
 * to a public key (sealed-file.ts).
 */

import type { KeyObject } from 'node:crypto'
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { diskSpace } from '../../system/disk-free.ts'
import { makeDirectory, renameDurably, syncBeside } from '../../system/durable-file.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { shownDatabase } from '../database-url.ts'
import { movedText } from '../moved.ts'
import { keyWith } from '../next-key.ts'
import { decode } from '../row-encoding.ts'
import { firstTokensKey } from '../rows.ts'
import { restoredKey } from '../schedule-rows.ts'
import { noStoreIn } from '../store-file.ts'
import { selectFrom } from '../tables.ts'
import {
  type BackupFile,
  backupTable,
  checkContents,
  checkFile,
  checkKind,
  keyName,
  tokenFiles,
} from './backup-contents.ts'
import { SqliteConnection } from './engine.ts'
import { explainSqlite } from './failure.ts'
import { Segments, segmentNames } from './log-segments.ts'
import { moveOf } from './move-mark.ts'
import { applicationId } from './open.ts'
import { isSealed, openSealed, sealFile } from './sealed-file.ts'

/** Where the parts of a store are. */
export interface Places {
  /** `sqlite:PATH`, or `postgres://…`. */
  database: string
  /** Where tokens and logs are; by default the directory of the SQLite file. */
  dataDir?: string
  keyFile: string
}

export interface BackupOptions {
  /** Puts the token files in as well. */
  withTokens?: boolean | undefined
  /** The public key to which the backup is sealed. */
  recipient?: KeyObject | undefined
}

/**
 * Writes a backup, mode 0600, whether or not a server runs. When this resolves, all of it is on disk. It
 * fails with a sentence, and then a file of that name is as it was before.
 */
export async function backupStore(
  places: Places,
  file: string,
  { withTokens = false, recipient }: BackupOptions = {},
): Promise<Result<void, string>> {
  const source = pathOf(places.database)
  if (source === undefined) return fail(howToDump(places, file))
  const written = `${file}.${process.pid}.new`
  // What is to be sealed never lies in clear where backups are.
  const draft = recipient === undefined ? written : `${source}.${process.pid}.backup`
  try {
    const missing = noStoreIn(source)
    if (missing !== undefined) return fail(missing)
    closeSync(openSync(draft, 'wx', 0o600))
    const original = new SqliteConnection(source, { readOnly: true })
    try {
      if (!isStore(original)) return fail(`${source} is not the store of a runner server`)
      const moved = moveOf(original)
      if (moved !== undefined) return fail(movedText(source, moved))
      original.run('VACUUM INTO $1', draft)
    } finally {
      original.database.close()
    }
    const added = await addFiles(draft, places, source, withTokens ? tokenFiles : [])
    if (!added.ok) return added
    if (recipient !== undefined) await sealFile(draft, written, recipient)
    await renameDurably(written, file)
    return ok(undefined)
  } catch (error) {
    return fail(`the backup could not be made: ${errorText(explainSqlite(error).cause ?? error)}`)
  } finally {
    for (const left of [draft, written]) rmSync(left, { force: true })
  }
}

export interface RestoredStore {
  /** The next start of the server makes an administrator's token and one for registrations. */
  makesTokens: boolean
}

/**
 * Makes a store from a backup where there is none yet; `identity` opens one that is sealed. The whole backup
 * is checked before any file of the store is made. It fails with a sentence, and then leaves no file behind.
 */
export async function restoreStore(
  file: string,
  places: Places,
  identity?: KeyObject,
): Promise<Result<RestoredStore, string>> {
  const target = pathOf(places.database)
  if (target === undefined) return fail('a database of PostgreSQL is restored by pg_restore')
  const draft = `${target}.${process.pid}.new`
  await using made = new Made()
  try {
    if (isThere(target)) return fail(`there is a store in ${target} already: move it away first`)
    if (isThere(places.keyFile))
      return fail(`there is a key file ${places.keyFile} already: move it away first`)
    const kind = checkKind(file)
    if (!kind.ok) return kind
    const whole = await checkWhole(file, identity)
    if (!whole.ok) return whole
    made.directory(dirname(target))
    const { free } = diskSpace(dirname(target))
    if (kind.value > free)
      return fail(`${file} has ${kind.value} bytes, and there are ${free} free in ${dirname(target)}`)
    const copied = await copyInto(draft, file, identity)
    if (!copied.ok) return copied
    const connection = new SqliteConnection(draft)
    let makesTokens: boolean
    try {
      const files = checkContents(connection)
      if (!files.ok) return fail(`${file} ${files.failure}`)
      const taken = await takeFiles(connection, files.value, places, target, made)
      if (!taken.ok) return taken
      const directory = places.dataDir ?? dirname(target)
      makesTokens = !tokenFiles.some(name => isThere(join(directory, name)))
      if (makesTokens) connection.run('DELETE FROM meta WHERE id = $1', firstTokensKey)
      markRestored(connection)
      connection.exec('DROP TABLE backup_files; VACUUM')
    } finally {
      connection.database.close()
    }
    await syncBeside(draft)
    // SQLite would take these files, if a removed database has left them, for parts of the new one.
    for (const rest of ['-wal', '-shm', '-journal']) rmSync(target + rest, { force: true })
    renameSync(draft, target)
    // From here on the store is there and needs its key file, even if the sync below fails.
    made.keep()
    await syncBeside(dirname(target))
    return ok({ makesTokens })
  } catch (error) {
    return fail(`the backup could not be restored: ${explained(error, draft, file)}`)
  } finally {
    for (const rest of ['', '-journal']) rmSync(draft + rest, { force: true })
  }
}

/** Checks a backup before anything is written: of one that is sealed all, of another one its beginning. */
async function checkWhole(file: string, identity: KeyObject | undefined): Promise<Result<void, string>> {
  if (!isSealed(file))
    return identity === undefined
      ? checkFile(file, file)
      : fail(`${file} is not sealed, and --identity was given: leave that out if this is the right file`)
  if (identity === undefined)
    return fail(`${file} is sealed to a public key: name the file of its private key by --identity`)
  const opened = await openSealed(file, identity, async () => {})
  return opened.ok ? opened : fail(`${file} ${opened.failure}`)
}

/** Copies a backup, opened, to where the store will be. */
async function copyInto(
  draft: string,
  file: string,
  identity: KeyObject | undefined,
): Promise<Result<void, string>> {
  if (identity === undefined) {
    // `copyFile` would give the draft the mode of the backup as well.
    await writeFile(draft, createReadStream(file), { flag: 'wx', mode: 0o600 })
    return ok(undefined)
  }
  await using target = await open(draft, 'wx', 0o600)
  const opened = await openSealed(file, identity, bytes => target.writeFile(bytes))
  return opened.ok ? checkFile(draft, file) : fail(`${file} ${opened.failure}`)
}

/** Lets the server that opens it know that time has passed which the store knows nothing of. */
function markRestored(connection: SqliteConnection): void {
  // Without a format: the store may be of an earlier version.
  connection.put('meta', [{ id: restoredKey, body: JSON.stringify({ key: restoredKey, value: 'yes' }) }])
}

/** The message of the system or of SQLite, with the file name that the operator knows. */
function explained(error: unknown, draft: string, file: string): string {
  const cause = explainSqlite(error).cause ?? error
  const { path } = cause as NodeJS.ErrnoException
  return `${path === undefined ? '' : `${path}: `}${errorText(cause)}`.replaceAll(draft, file)
}

/** Whether a path names anything, even a link that leads nowhere. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** The files and directories that a restore has made: they are removed again where the restore fails. */
class Made implements AsyncDisposable {
  readonly #files: string[] = []
  readonly #directories: string[] = []
  #kept = false

  /** Makes a directory and those above it, as far as they are missing. */
  directory(path: string): void {
    if (existsSync(path)) return
    this.directory(dirname(path))
    makeDirectory(path)
    this.#directories.push(path)
  }

  /** Makes a file where nothing has its name yet: a link of that name is an error, and is not followed. */
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
        // Another program has put something into the directory by now.
      }
  }
}

function howToDump({ database, keyFile }: Places, file: string): string {
  return (
    'with PostgreSQL, copy the database and the key file: ' +
    `pg_dump --format=custom --schema=runner --file=${shellQuote(file)} ` +
    `${shellQuote(shownDatabase(database))} && cp -p ${shellQuote(keyFile)} ${shellQuote(`${file}.key`)}`
  )
}

function pathOf(database: string): string | undefined {
  return database.startsWith('sqlite:') ? database.slice('sqlite:'.length) : undefined
}

function isStore(connection: SqliteConnection): boolean {
  return connection.run('PRAGMA application_id')[0]!.application_id === applicationId
}

/** Puts the files of the store into the copy of its database: of each log as many bytes as its row counts. */
async function addFiles(
  draft: string,
  { dataDir, keyFile }: Places,
  source: string,
  tokens: readonly string[],
): Promise<Result<void, string>> {
  const directory = dataDir ?? dirname(source)
  const segments = new Segments(join(directory, 'logs'), () => [])
  const connection = new SqliteConnection(draft)
  try {
    connection.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN')
    connection.exec(backupTable)
    markRestored(connection)
    const put = (name: string, bytes: Uint8Array) =>
      connection.run('INSERT INTO backup_files VALUES ($1, $2)', name, bytes)
    const add = (name: string, path: string, length?: number) => {
      const bytes = readIfThere(path)?.subarray(0, length)
      if (bytes !== undefined) put(name, bytes)
    }
    // While a rekey is under way, or was interrupted, the key of this copy may be in another file.
    const [check] = connection.run(selectFrom('meta', 'WHERE id = $1'), 'key_check')
    if (check !== undefined) {
      const key = keyWith(keyFile, decode('meta', check).value)
      if (key === undefined)
        return fail(`the key of this store is not in ${keyFile}: a backup without it would open nothing`)
      put(keyName, key)
    }
    for (const name of tokens) add(name, join(directory, name))
    for (const { id, length } of connection.run('SELECT id, length FROM logs WHERE length > 0')) {
      const segmentsOf = segments.directory(id as string)
      for (const start of await segmentNames(segmentsOf)) {
        const left = (length as number) - Number(start)
        if (left > 0) add(join('logs', id as string, start), join(segmentsOf, start), left)
      }
    }
    connection.exec('COMMIT')
    return ok(undefined)
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
  for (const path of directories) await syncBeside(path)
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
