import type { Socket } from 'node:net'
import type { Client, ClientConfig } from 'pg'
import type { Clock } from '../../edges.ts'
import { fail, ok, type Result } from '../../result.ts'
import type { Query } from '../engine.ts'
import { StoreFailure } from '../failure.ts'
import { migrationsFor, newestVersion, tooNewText } from '../migrations.ts'
import { halfMovedText, movedFromIn, movedFromKey } from '../moved.ts'
import type { Opened, StoreOpenFailure } from '../opened.ts'
import { selectFrom } from '../tables.ts'
import { configOf, explainOpening, lock, lookAtServer, migrationsTable, schema, settings } from './connect.ts'
import { Postgres, type Writing } from './engine.ts'
import { explainPostgres } from './failure.ts'
import { Flusher } from './flusher.ts'
import { execute, gatheringSocket, queryOn } from './statements.ts'

/** The number of connections that read. */
const readers = 4

/**
 * Opens a database of PostgreSQL, and makes the schema `runner` where it is missing. `stop` cuts the
 * connections while the database is being opened.
 */
export async function openPostgres(
  url: string,
  clock: Pick<Clock, 'monotonic'>,
  instead: (() => number) | undefined,
  stop?: AbortSignal,
): Promise<Result<Opened, StoreOpenFailure>> {
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
): Promise<Result<Opened, StoreOpenFailure>> {
  let config: ClientConfig
  try {
    config = configOf(url)
  } catch {
    return fail({
      reason: 'database-invalid',
      detail: 'the database is not a valid postgres://USER@HOST/NAME',
    })
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
  // The pool makes another connection for the next reader.
  pool.on('error', () => {})
  pool.on('connect', connected => {
    // The pool removes its own listener while a reader has the connection. The reader's statement fails with
    // the same error.
    connected.on('error', () => {})
    execute(connected, settings).catch(() => {})
  })
  opening = false
  const monotonic = () => clock.monotonic() * 1000
  const clocks = { monotonic, instead }
  const engine = new Postgres(
    writing,
    () => connections.connect(),
    pool,
    clocks,
    await lineageOf(writing.client),
  )
  return ok({ engine, release: () => {} })
}

/**
 * The database cluster with its timeline, which a restore to a point in time and the promotion of a standby
 * change, and the database with its table, which a restore of a dump and a copy of the database make anew;
 * undefined where this user may not ask.
 */
async function lineageOf(client: Client): Promise<string | undefined> {
  const sql = `SELECT
      concat_ws('/', system_identifier, timeline_id, pg_database.oid, '${schema}.executions'::regclass::oid)
      AS lineage
    FROM pg_control_system(), pg_control_checkpoint(), pg_database WHERE datname = current_database()`
  try {
    const [row] = await execute(client, sql)
    return row?.lineage as string | undefined
  } catch {
    return undefined
  }
}

/** Makes the connections of the server that holds the lock. */
class Connections {
  readonly #make: () => Client
  /** The backend of the lost connection, which may not have noticed the loss yet. */
  #before: { pid: number; started: string } | undefined

  constructor(make: () => Client) {
    this.#make = make
  }

  async connect(): Promise<Writing> {
    const [client, flushes] = [this.#make(), this.#make()]
    // The statement under way fails with the same error.
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
      if (this.#before !== undefined) await refuseNewer(query)
      const [own] = await query(
        `SELECT pid, CAST(backend_start AS text) AS started
          FROM pg_stat_activity WHERE pid = pg_backend_pid()`,
      )
      this.#before = { pid: own!.pid as number, started: own!.started as string }
      await flushes.connect()
      await execute(flushes, settings)
      return { client, query, flusher: new Flusher(flushes) }
    } catch (error) {
      await Promise.all([client.end(), flushes.end()]).catch(() => {})
      throw explainPostgres(error)
    }
  }
}

/**
 * Throws where a newer program has taken the lock and migrated the database while the connection was lost.
 */
async function refuseNewer(query: Query): Promise<void> {
  const [newest] = await query('SELECT max(version) AS version FROM migrations')
  const version = newest!.version as number
  if (version > newestVersion) throw new StoreFailure('too-new', tooNewText('the database', version))
}

/** Checks whether the database can be used, and migrates it. Returns the reason where it cannot be used. */
async function prepare(client: Client): Promise<StoreOpenFailure | undefined> {
  const { isMade, problem } = await lookAtServer(client)
  if (problem !== undefined) return problem
  if (!isMade) await execute(client, `CREATE SCHEMA ${schema}`)
  const [kept] = await execute(
    client,
    `${migrationsTable}; SELECT coalesce(max(version), 0) AS version FROM migrations`,
  )
  const version = kept!.version as number
  if (version > newestVersion)
    return {
      reason: 'too-new',
      detail: tooNewText('the database', version),
    }
  if (version > 0) {
    const [row] = await execute(client, selectFrom('meta', `WHERE id = '${movedFromKey}'`))
    const from = row && movedFromIn(row)
    if (from?.arrived === false) return { reason: 'half-moved', detail: halfMovedText(from) }
  }
  for (const [index, statements] of migrationsFor('postgres').entries())
    if (index >= version)
      await execute(client, `BEGIN; ${statements}; INSERT INTO migrations VALUES (${index + 1}); COMMIT`)
  return undefined
}
