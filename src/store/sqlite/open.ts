import { closeSync, openSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../edges.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { readBootId } from '../../system/boot-id.ts'
import { freeBytes } from '../../system/disk-free.ts'
import { makeDirectory } from '../../system/durable-file.ts'
import { takeLock } from '../../system/lock.ts'
import { diskFullText, StoreFailure } from '../failure.ts'
import { migrationsFor, newestVersion, tooNewText } from '../migrations.ts'
import { movedText } from '../moved.ts'
import type { Opened, StoreOpenFailure } from '../opened.ts'
import { Sqlite, SqliteConnection } from './engine.ts'
import { explainSqlite } from './failure.ts'
import { Segments } from './log-segments.ts'
import { moveOf } from './move-mark.ts'
import { reconcile } from './reconcile-logs.ts'

/** `application_id` of our files (sqlite.org/pragma.html): "rnnr". */
export const applicationId = 0x726e6e72

/** Opens an SQLite file, which is made where there is none. */
export function openSqlite(
  file: string,
  dataDir: string | undefined,
  clock: Pick<Clock, 'now'>,
): Result<Opened, StoreOpenFailure> {
  let release = () => {}
  let connection: SqliteConnection | undefined
  try {
    makeDirectory(dirname(file))
    closeSync(openSync(file, 'a', 0o600))
    const locked = lockStore(file, clock)
    if (!locked.ok) return locked
    const { path } = locked.value
    release = locked.value.release
    connection = new SqliteConnection(path)
    const problem = prepare(connection, path)
    if (problem === undefined) {
      const writes = connection
      const logs = new Segments(join(dataDir ?? dirname(path), 'logs'), (sql, ...params) =>
        writes.run(sql, ...params),
      )
      reconcile(writes, logs)
      const engine = new Sqlite(path, writes, logs, () => clock.now().getTime())
      return ok({ engine, release })
    }
    connection.database.close()
    release()
    return fail(problem)
  } catch (error) {
    if (connection?.database.isOpen) connection.database.close()
    release()
    return fail(explainOpening(error, file))
  }
}

/**
 * Takes the lock of a store, whose file is there; gives the file without links. Throws system errors.
 */
export function lockStore(
  file: string,
  clock: Pick<Clock, 'now'>,
): Result<{ path: string; release: () => void }, StoreOpenFailure> {
  const path = realpathSync(file)
  const lock = takeLock(dirname(path), path, {
    pid: process.pid,
    boot_id: readBootId(),
    since: clock.now().toISOString(),
  })
  if (lock.ok) return ok({ path, release: () => lock.value.release() })
  const { failure: holder } = lock
  const who = holder === undefined ? '' : `, process ${holder.pid} since ${holder.since}`
  return fail({
    reason: 'in-use',
    detail: `another server has ${path} open${who}: stop that one, or set database in [server]`,
  })
}

/** Sets up the connection and migrates the database. Returns the reason where the database cannot be used. */
function prepare(connection: SqliteConnection, path: string): StoreOpenFailure | undefined {
  const pragma = (name: string) => Object.values(connection.run(`PRAGMA ${name}`)[0] ?? {})[0] as number
  const empty = connection.run('SELECT 1 FROM sqlite_schema LIMIT 1').length === 0
  if (!empty && pragma('application_id') !== applicationId)
    return {
      reason: 'not-a-store',
      detail: `${path} is a database of another program: set database in [server]`,
    }
  const moved = moveOf(connection)
  if (moved !== undefined) return { reason: 'moved', detail: movedText(path, moved) }
  const version = pragma('user_version')
  if (version > newestVersion)
    return {
      reason: 'too-new',
      detail: tooNewText(path, version),
    }
  connection.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; ' +
      'PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000',
  )
  for (const [index, statements] of migrationsFor('sqlite').entries())
    if (index >= version)
      connection.exec(
        `BEGIN IMMEDIATE; PRAGMA application_id = ${applicationId}; ${statements}; ` +
          `PRAGMA user_version = ${index + 1}; COMMIT`,
      )
  return undefined
}

export function explainOpening(error: unknown, file: string): StoreOpenFailure {
  const failure = error instanceof StoreFailure ? error : explainSqlite(error)
  if (failure.reason === 'disk-full')
    return { reason: 'disk-full', detail: diskFullText(`the database ${file}`) }
  const cause = (failure.cause ?? error) as { code?: string; errcode?: number }
  // SQLITE_IOERR: SQLite's shared memory is a file, and the error does not say that the disk has no room for
  // it.
  if (((cause.errcode ?? 0) & 0xff) === 10 && hasNoRoom(file))
    return { reason: 'disk-full', detail: diskFullText(`the database ${file}`) }
  const detail = `the database ${file} cannot be used: ${errorText(failure.cause ?? error)}`
  if (cause.errcode === undefined) return { reason: 'not-accessible', detail }
  const primary = cause.errcode & 0xff
  if (primary === 26) return { reason: 'not-a-store', detail: `${file} is not an SQLite database` }
  if (failure.reason === 'damaged') return { reason: 'damaged', detail }
  // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
  return { reason: [3, 8, 14].includes(primary) ? 'not-accessible' : 'failed', detail }
}

/** Bytes that a database needs at least beside its own file: for the file of its shared memory. */
const leastRoom = 64 * 1024

function hasNoRoom(file: string): boolean {
  const free = freeBytes(dirname(file))
  return free !== undefined && free < leastRoom
}
