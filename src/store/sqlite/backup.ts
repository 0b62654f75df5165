/*
 * A backup is a whole store in one file: the SQLite database as it was at one moment, with one more table,
 * whose rows are the files beside the database: key, logs and, if they are wanted, tokens. It may be sealed
 * to a public key (sealed-file.ts).
 */

import type { KeyObject } from 'node:crypto'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { renameDurably } from '../../system/durable-file.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { shownDatabase } from '../database-url.ts'
import { movedText } from '../moved.ts'
import { keyWith } from '../next-key.ts'
import { decode } from '../row-encoding.ts'
import { restoredKey } from '../schedule-rows.ts'
import { noStoreIn } from '../store-file.ts'
import { selectFrom } from '../tables.ts'
import { backupTable, keyName, tokenFiles } from './backup-contents.ts'
import { SqliteConnection } from './engine.ts'
import { explainSqlite } from './failure.ts'
import { Segments, segmentNames } from './log-segments.ts'
import { moveOf } from './move-mark.ts'
import { applicationId } from './open.ts'
import { sealFile } from './sealed-file.ts'

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
 * fails with a sentence, and then leaves a file of that name as it was before.
 */
export async function backupStore(
  places: Places,
  file: string,
  { withTokens = false, recipient }: BackupOptions = {},
): Promise<Result<void, string>> {
  const source = sqliteFileOf(places.database)
  if (source === undefined) return fail(howToDump(places, file))
  const written = `${file}.${process.pid}.new`
  // A backup that is to be sealed is first written beside the store: it must never lie unsealed in the
  // directory for backups.
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

function howToDump({ database, keyFile }: Places, file: string): string {
  return (
    'with PostgreSQL, copy the database and the key file: ' +
    `pg_dump --format=custom --schema=runner --file=${shellQuote(file)} ` +
    `${shellQuote(shownDatabase(database))} && cp -p ${shellQuote(keyFile)} ${shellQuote(`${file}.key`)}`
  )
}

/** The file of a database of SQLite. */
export function sqliteFileOf(database: string): string | undefined {
  return database.startsWith('sqlite:') ? database.slice('sqlite:'.length) : undefined
}

function isStore(connection: SqliteConnection): boolean {
  return connection.run('PRAGMA application_id')[0]!.application_id === applicationId
}

/** Lets the server that opens it know that time has passed which the store knows nothing of. */
export function markRestored(connection: SqliteConnection): void {
  // Without a format: the store may be of an earlier version.
  connection.put('meta', [{ id: restoredKey, body: JSON.stringify({ key: restoredKey, value: 'yes' }) }])
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

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
