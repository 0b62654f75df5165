import { closeSync, openSync, realpathSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../edges.ts'
import { readBootId } from '../../journal/boot-id.ts'
import { makeDirectory } from '../../journal/files.ts'
import { takeLock } from '../../journal/lock.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { diskFullText, StoreFailure } from './failure.ts'
import { migrationsFor, newestVersion } from './migrations.ts'
import type { Opened, OpenFailure } from './open.ts'
import { reconcile } from './reconcile.ts'
import { Segments } from './segments.ts'
import { Sqlite, SqliteConnection } from './sqlite.ts'
import { explainSqlite } from './sqlite-failure.ts'

/** `application_id` of our files (sqlite.org/pragma.html): "rnnr". */
export const applicationId = 0x726e6e72

/** Opens an SQLite file, which is made where there is none. */
export function openSqlite(
  file: string,
  dataDir: string | undefined,
  clock: Pick<Clock, 'now'>,
): Result<Opened, OpenFailure> {
  let release = () => {}
  let connection: SqliteConnection | undefined
  try {
    makeDirectory(dirname(file))
    closeSync(openSync(file, 'a', 0o600))
    const path = realpathSync(file)
    const lock = takeLock(dirname(path), path, {
      pid: process.pid,
      boot_id: readBootId(),
      since: clock.now().toISOString(),
    })
    if (!lock.ok) {
      const { failure: holder } = lock
      const who = holder === undefined ? '' : `, process ${holder.pid} since ${holder.since}`
      return fail({ reason: 'in-use', detail: `another server has ${path} open${who}` })
    }
    release = () => lock.value.release()
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

/** Sets the connection up, and migrates what it finds. */
function prepare(connection: SqliteConnection, path: string): OpenFailure | undefined {
  const pragma = (name: string) => Object.values(connection.run(`PRAGMA ${name}`)[0] ?? {})[0] as number
  const empty = connection.run('SELECT 1 FROM sqlite_schema LIMIT 1').length === 0
  if (!empty && pragma('application_id') !== applicationId)
    return { reason: 'not-a-store', detail: `${path} is a database of another program` }
  const version = pragma('user_version')
  if (version > newestVersion)
    return {
      reason: 'too-new',
      detail: `${path} has version ${version}, and this program knows versions up to ${newestVersion}: use the newer program that has used it last, or a backup from before`,
    }
  connection.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000',
  )
  for (const [index, statements] of migrationsFor('sqlite').entries())
    if (index >= version)
      connection.exec(
        `BEGIN IMMEDIATE; PRAGMA application_id = ${applicationId}; ${statements}; PRAGMA user_version = ${index + 1}; COMMIT`,
      )
  return undefined
}

function explainOpening(error: unknown, file: string): OpenFailure {
  const failure = error instanceof StoreFailure ? error : explainSqlite(error)
  if (failure.reason === 'disk-full')
    return { reason: 'disk-full', detail: diskFullText(`the database ${file}`) }
  const cause = (failure.cause ?? error) as { code?: string; errcode?: number }
  // SQLITE_IOERR: its shared memory is a file, which does not say why it cannot grow.
  if (((cause.errcode ?? 0) & 0xff) === 10 && hasNoRoom(file))
    return { reason: 'disk-full', detail: diskFullText(`the database ${file}`) }
  const detail = `the database ${file} cannot be used: ${errorText(failure.cause ?? error)}`
  if (cause.errcode === undefined) return { reason: 'not-accessible', detail }
  const primary = cause.errcode & 0xff
  if (primary === 26) return { reason: 'not-a-store', detail: `${file} is no SQLite database` }
  if (failure.reason === 'damaged') return { reason: 'damaged', detail }
  // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN
  return { reason: [3, 8, 14].includes(primary) ? 'not-accessible' : 'failed', detail }
}

/** The least room that a database needs beside itself: the file of its shared memory. */
const leastRoom = 64 * 1024

function hasNoRoom(file: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(file))
    return bavail * bsize < leastRoom
  } catch {
    return false
  }
}
