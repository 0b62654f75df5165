import type { Socket } from 'node:net'
import type { Client, ClientConfig } from 'pg'
import type { Clock } from '../../edges.ts'
import { fail, ok, type Result } from '../../result.ts'
import { StoreFailure } from './failure.ts'
import { Flusher } from './flusher.ts'
import { migrationsFor, newestVersion } from './migrations.ts'
import type { Opened, OpenFailure } from './open.ts'
import { execute, gatheringSocket, Postgres, queryOn, type Writing } from './postgres.ts'
import { explainPostgres, mayPass, sqlState, textOf } from './postgres-failure.ts'

/** What everything is in, so that a database can be shared with other programs. */
const schema = 'runner'
/**
 * Every statement is made for an index. Statistics of a queue are never up to date, and a plan that was made while a
 * table was nearly empty is kept: without this it reads all of the table later.
 */
const settings = `SET search_path TO ${schema}; SET enable_seqscan TO off; SET enable_hashjoin TO off;
  SET enable_mergejoin TO off; SET jit TO off`
/** The advisory lock of the one server that writes (postgresql.org/docs/15/explicit-locking.html): "rnnr". */
const lockKey = 0x726e6e72
const oldest = 150_000

/** How many connections read. */
const readers = 4

/**
 * Opens a database of PostgreSQL, in which the schema `runner` is made where there is none. `stop` cuts the connections
 * with which it is being opened.
 */
export async function openPostgres(
  url: string,
  clock: Pick<Clock, 'monotonic'>,
  instead: (() => number) | undefined,
  stop?: AbortSignal,
): Promise<Result<Opened, OpenFailure>> {
  const sockets = new Set<Socket>()
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  if (stop?.aborted) return fail({ reason: 'unreachable', detail: 'the server has been stopped' })
  stop?.addEventListener('abort', cut, { once: true })
  try {
    return await connectTo(url, clock, instead, socket => sockets.add(socket))
  } finally {
    stop?.removeEventListener('abort', cut)
  }
}

async function connectTo(
  url: string,
  clock: Pick<Clock, 'monotonic'>,
  instead: (() => number) | undefined,
  onSocket: (socket: Socket) => void,
): Promise<Result<Opened, OpenFailure>> {
  let config: ClientConfig
  try {
    config = configOf(url)
  } catch {
    return fail({ reason: 'database-invalid', detail: 'the database is no valid postgres://USER@HOST/NAME' })
  }
  const { default: pg } = await import('pg')
  let opening = true
  const stream = () => {
    const socket = gatheringSocket()
    if (opening) onSocket(socket)
    return socket
  }
  const connections = new Connections(() => new pg.Client({ ...config, stream }))
  let writing: Writing
  try {
    writing = await connections.connect()
  } catch (error) {
    return fail(explainOpening(error, url))
  }
  const end = () => Promise.all([writing.client.end(), writing.flusher.end()]).catch(() => {})
  try {
    const problem = await prepare(writing.client)
    if (problem !== undefined) {
      await end()
      return fail(problem)
    }
  } catch (error) {
    await end()
    return fail(explainOpening(error, url))
  }
  const pool = new pg.Pool({ ...config, max: readers })
  // The next that needs a connection makes another one.
  pool.on('error', () => {})
  pool.on('connect', connected => {
    // The pool takes its own listener away while somebody has the connection; whoever has it gets the error too.
    connected.on('error', () => {})
    execute(connected, settings).catch(() => {})
  })
  opening = false
  const monotonic = () => clock.monotonic() * 1000
  const engine = new Postgres(writing, () => connections.connect(), pool, { monotonic, instead })
  return ok({ engine, release: () => {} })
}

function configOf(url: string): ClientConfig {
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

/** Makes connections of the one that holds the lock. */
class Connections {
  readonly #make: () => Client
  /** The backend of the connection before, which may not have noticed that it was lost. */
  #before: { pid: number; started: string } | undefined

  constructor(make: () => Client) {
    this.#make = make
  }

  async connect(): Promise<Writing> {
    const [client, flushes] = [this.#make(), this.#make()]
    // Whoever uses it gets the error too.
    for (const one of [client, flushes]) one.on('error', () => {})
    try {
      await client.connect()
      const query = queryOn(client)
      if (this.#before !== undefined)
        await query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid = $1 AND CAST(backend_start AS text) = $2`,
          this.#before.pid,
          this.#before.started,
        )
      await lock(client)
      await execute(client, `${settings}; SET synchronous_commit TO off`)
      const [own] = await query(
        'SELECT pid, CAST(backend_start AS text) AS started FROM pg_stat_activity WHERE pid = pg_backend_pid()',
      )
      this.#before = { pid: own!.pid as number, started: own!.started as string }
      await flushes.connect()
      await execute(flushes, settings)
      return { client, flusher: new Flusher(flushes) }
    } catch (error) {
      await Promise.all([client.end(), flushes.end()]).catch(() => {})
      throw explainPostgres(error)
    }
  }
}

/** A server that has just been killed may hold it for another moment. */
async function lock(client: Client): Promise<void> {
  try {
    await execute(
      client,
      `SET lock_timeout TO '3s'; SELECT pg_advisory_lock(${lockKey}); SET lock_timeout TO 0`,
    )
  } catch (error) {
    if (sqlState((error as Error).cause) !== '55P03') throw error
    throw new StoreFailure('in-use', 'another server uses this database')
  }
}

/** Looks whether the database can be used, and migrates it. */
async function prepare(client: Client): Promise<OpenFailure | undefined> {
  const [about] = await execute(
    client,
    `SELECT current_setting('server_version_num')::integer AS version, current_setting('server_version') AS named,
      current_setting('server_encoding') AS encoding, to_regnamespace('${schema}') IS NOT NULL AS made`,
  )
  const { version: server, named, encoding, made } = about as Record<string, unknown>
  if ((server as number) < oldest)
    return { reason: 'too-old', detail: `PostgreSQL ${named} is too old: 15 or later is needed` }
  if (encoding !== 'UTF8')
    return { reason: 'not-a-store', detail: `the database has the encoding ${encoding}: UTF8 is needed` }
  if (!made) await execute(client, `CREATE SCHEMA ${schema}`)
  const [kept] = await execute(
    client,
    `CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
    SELECT coalesce(max(version), 0) AS version FROM migrations`,
  )
  const version = kept!.version as number
  if (version > newestVersion)
    return {
      reason: 'too-new',
      detail: `the database has version ${version}, and this program knows versions up to ${newestVersion}: use the newer program that has used it last, or a backup from before`,
    }
  for (const [index, statements] of migrationsFor('postgres').entries())
    if (index >= version)
      await execute(client, `BEGIN; ${statements}; INSERT INTO migrations VALUES (${index + 1}); COMMIT`)
  return undefined
}

/** Never says the password, which is in `url`. */
function explainOpening(error: unknown, url: string): OpenFailure {
  const failure = explainPostgres(error)
  const { host, pathname } = new URL(url)
  const where = `PostgreSQL at ${host === '' ? 'its socket' : host}, database ${pathname.slice(1)},`
  const message = textOf(failure.cause ?? failure)
  if (failure.reason === 'in-use')
    return { reason: 'in-use', detail: `another server uses ${where.slice(0, -1)}` }
  const state = sqlState(failure.cause)
  // Authorization, and a database that is not there.
  if (state !== undefined && /^(28|3D)/.test(state))
    return { reason: 'refused', detail: `${where} does not let us in: ${message}` }
  if (mayPass(failure.cause))
    return { reason: 'unreachable', detail: `${where} cannot be reached: ${message}` }
  // A certificate that is not trusted, a password that is missing: nothing that passes.
  if (failure.reason === 'unavailable')
    return { reason: 'refused', detail: `${where} cannot be used: ${message}` }
  if (failure.reason === 'disk-full')
    return {
      reason: 'disk-full',
      detail: `${where} has no space left: make room on its disk, then start the server again (${message})`,
    }
  if (state === '42501' || failure.reason === 'read-only')
    return { reason: 'not-accessible', detail: `${where} does not allow what is needed: ${message}` }
  // Relations that are there already.
  if (state === '42P07')
    return { reason: 'not-a-store', detail: `${where} has a schema ${schema} of another program: ${message}` }
  return {
    reason: failure.reason === 'damaged' ? 'damaged' : 'failed',
    detail: `${where} failed: ${message}`,
  }
}
