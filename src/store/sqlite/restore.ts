/* A restore makes a store from a backup (backup.ts). */
import type { KeyObject } from 'node:crypto'
import { constants, createReadStream, existsSync, lstatSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { diskSpace } from '../../system/disk-free.ts'
import { makeDirectory, syncBeside } from '../../system/durable-file.ts'
import { firstTokensKey } from '../rows.ts'
import { markRestored, type Places, sqliteFileOf } from './backup.ts'
import { type BackupFile, checkContents, checkFile, checkKind, tokenFiles } from './backup-contents.ts'
import { SqliteConnection } from './engine.ts'
import { explainSqlite } from './failure.ts'
import { Segments } from './log-segments.ts'
import { isSealed, openSealed } from './sealed-file.ts'

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
  const target = sqliteFileOf(places.database)
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

/** Checks a backup before anything is written: a sealed one as a whole, another one at its beginning. */
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

  /** Makes a file if its name is free: a link of that name is an error, and is not followed. */
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
