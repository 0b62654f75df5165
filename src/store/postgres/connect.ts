/*
 * The common part of all connections to the PostgreSQL of a store: settings, the lock, and the meaning of
 * failures.
 */
import type { Client, ClientConfig } from 'pg'
import { StoreFailure } from '../failure.ts'
import type { StoreOpenFailure } from '../opened.ts'
import { explainPostgres, mayPass, sqlState, textOf } from './failure.ts'
import { execute, gatheringSocket } from './statements.ts'

/** The schema of all tables, so that a database can be shared with other programs. */
export const schema = 'runner'
/**
 * Every statement is written for an index. PostgreSQL has no current statistics of a queue, and keeps a plan
 * that it made while a table was nearly empty: without these settings it would read the whole table later.
 */
export const settings = `SET search_path TO ${schema}; SET enable_seqscan TO off; SET enable_hashjoin TO off;
  SET enable_mergejoin TO off; SET jit TO off`
/** The advisory lock of the one server that writes (postgresql.org/docs/15/explicit-locking.html): "rnnr". */
const lockKey = 0x726e6e72
const oldest = 150_000

export function configOf(url: string): ClientConfig {
  new URL(url)
  return {
    connectionString: url,
    application_name: 'runner server',
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
    keepAlive: true,
    pipeline: true,
    stream: gatheringSocket,
  }
}

/** Takes the lock. PostgreSQL may hold it for a moment longer for a server that has just been killed. */
export async function lock(client: Client): Promise<void> {
  try {
    await execute(
      client,
      `SET lock_timeout TO '3s'; SELECT pg_advisory_lock(${lockKey}); SET lock_timeout TO 0`,
    )
  } catch (error) {
    if (sqlState((error as Error).cause) !== '55P03') throw error
    throw new StoreFailure('in-use', `another server uses this database${await holder(client)}`)
  }
}

/**
 * The text about the holder of the lock, as far as this user may see it; it begins with a blank, or is empty.
 */
async function holder(client: Client): Promise<string> {
  const [found] = await execute(
    client,
    `SELECT pid, application_name AS name, host(client_addr) AS address,
        to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
      FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = ${lockKey} AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  if (found === undefined) return ''
  const { pid, name, address, since } = found
  const from = address === null ? '' : ` from ${address}`
  return name === null ? ` (backend ${pid})` : ` (${name}${from}, since ${since}, backend ${pid})`
}

/** Why a PostgreSQL can hold no store; undefined where it can. `isMade`: it has the schema already. */
export async function lookAtServer(
  client: Client,
): Promise<{ isMade: boolean; problem: StoreOpenFailure | undefined }> {
  const [about] = await execute(
    client,
    `SELECT current_setting('server_version_num')::integer AS version,
      current_setting('server_version') AS named,
      current_setting('server_encoding') AS encoding, to_regnamespace('${schema}') IS NOT NULL AS made`,
  )
  const { version, named, encoding, made } = about as Record<string, unknown>
  const problem = (): StoreOpenFailure | undefined => {
    if ((version as number) < oldest)
      return { reason: 'too-old', detail: `PostgreSQL ${named} is too old: 15 or later is needed` }
    if (encoding !== 'UTF8')
      return { reason: 'not-a-store', detail: `the database has the encoding ${encoding}: UTF8 is needed` }
    return undefined
  }
  return { isMade: made as boolean, problem: problem() }
}

/** Makes the table of the versions that the schema has been through. */
export const migrationsTable = `CREATE TABLE IF NOT EXISTS migrations (
    version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`

/**
 * Makes a failure of an error while opening. The text never has the password, which is in `url`; `next` is
 * what to do once there is room on the disk.
 */
export function explainOpening(
  error: unknown,
  url: string,
  next = 'start the server again',
): StoreOpenFailure {
  const failure = explainPostgres(error)
  const { host, pathname } = new URL(url)
  const where = `PostgreSQL at ${host === '' ? 'its socket' : host}, database ${pathname.slice(1)},`
  const message = textOf(failure.cause ?? failure)
  if (failure.reason === 'in-use')
    return {
      reason: 'in-use',
      detail:
        `${failure.message.replace('this database', where.slice(0, -1))}: ` +
        'stop that one, or set database in [server]',
    }
  const state = sqlState(failure.cause)
  // Class 28: authorization; class 3D: there is no database of that name.
  if (state !== undefined && /^(28|3D)/.test(state))
    return { reason: 'refused', detail: `${where} refuses this user, password or database: ${message}` }
  if (mayPass(failure.cause))
    return { reason: 'unreachable', detail: `${where} cannot be reached: ${message}` }
  // Other errors of a connection do not pass by themselves: an untrusted certificate, a missing password.
  if (failure.reason === 'unavailable')
    return { reason: 'refused', detail: `${where} cannot be used: ${message}` }
  if (failure.reason === 'disk-full')
    return {
      reason: 'disk-full',
      detail: `${where} has no space left: make room on its disk, then ${next} (${message})`,
    }
  if (state === '42501' || failure.reason === 'read-only')
    return {
      reason: 'not-accessible',
      detail: `${where} does not let this user do what is needed: ${message}`,
    }
  // duplicate_table: another program has made a table of that name.
  if (state === '42P07')
    return { reason: 'not-a-store', detail: `${where} has a schema ${schema} of another program: ${message}` }
  return {
    reason: failure.reason === 'damaged' ? 'damaged' : 'failed',
    detail: `${where} failed: ${message}`,
  }
}
