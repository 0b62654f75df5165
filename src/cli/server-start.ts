/* The start of a server: its store, its first tokens, its address; and the wait for a database that comes later. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ServerConfiguration } from '../config/server-section.ts'
import { systemChance, systemClock } from '../edges.ts'
import { makeDirectory, makeOwnDirectory } from '../journal/files.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { type EarlyListener, listenEarly } from '../server/early-listener.ts'
import { giveFirstTokens } from '../server/first-tokens.ts'
import type { Log } from '../server/log.ts'
import { type RunningServer, startServer } from '../server/server.ts'
import { settingsOf } from '../server/settings.ts'
import { diskFullText, isDiskFull, StoreFailure } from '../server/store/failure.ts'
import { openStore } from '../server/store/open.ts'
import type { TlsOptions } from '../server/tls.ts'
import { unfitStore } from './load-configuration.ts'

export interface Starting {
  configuration: ServerConfiguration
  tls: TlsOptions | undefined
  version: string
  /** Others may write to the data directory. */
  insecurePermissions: boolean
  log: Log
  /** Ends a start that waits for its database. */
  stop: AbortSignal
  /** Told when it begins to wait. */
  onWait: (problem: string) => void
}

export interface Started {
  server: RunningServer
  /** File with a token that registers runners. */
  registrationFile: string
  /** What a person is told. */
  text: string
}

/** Why there is no server, as a sentence. */
interface NotStarted {
  /** The database does not answer yet: another try may find it. */
  passes: boolean
  detail: string
}

/** Seconds between two tries to reach a database, and between two lines about it. */
const tryEvery = 1
const tellEvery = 60

/**
 * Opens the store and listens. A PostgreSQL that does not answer yet is waited for, and `/health` says so meanwhile.
 * Gives undefined where it was stopped before that, and a sentence where there can be no server.
 */
export async function startWhenReady(starting: Starting): Promise<Result<Started | undefined, string>> {
  const { configuration, tls, version, log, stop, onWait } = starting
  const { database, data_dir, listen } = configuration
  // Before anything is made there: a link could lead anywhere, and who has the database has all tokens.
  const unfit = unfitStore(configuration, starting)
  if (unfit !== undefined) return fail(`the store cannot be used: ${unfit}`)
  try {
    if (starting.insecurePermissions) makeDirectory(data_dir)
    else makeOwnDirectory(data_dir, ['logs', 'locks'])
  } catch (error) {
    if (isDiskFull(error)) return fail(diskFullText(`the directory ${data_dir}`))
    return fail(`the directory ${data_dir} cannot be used: ${errorText(error)}`)
  }
  let early: EarlyListener | undefined
  try {
    if (database.engine === 'postgres') early = await listenEarly(listen, tls, version)
  } catch (error) {
    return fail(listenText(error, listen))
  }
  let told = Number.NEGATIVE_INFINITY
  try {
    for (;;) {
      const started = await startOnce(starting, early)
      if (started.ok) return started
      const { passes, detail } = started.failure
      if (stop.aborted) return ok(undefined)
      if (!passes) return fail(detail)
      if (systemClock.monotonic() - told >= tellEvery) {
        told = systemClock.monotonic()
        const { host } = listen
        log('warning', 'the server waits for its database', { problem: detail, host, port: early?.port })
        onWait(detail)
      }
      await systemClock.sleep(tryEvery, stop)
      if (stop.aborted) return ok(undefined)
    }
  } finally {
    await early?.[Symbol.asyncDispose]()
  }
}

async function startOnce(
  { configuration, tls, version, log, stop }: Starting,
  early: EarlyListener | undefined,
): Promise<Result<Started, NotStarted>> {
  const { database, data_dir, key_file } = configuration
  const opened = await openStore({
    database: database.engine === 'sqlite' ? `sqlite:${database.path}` : database.url,
    dataDir: data_dir,
    keyFile: key_file,
    stop,
  })
  if (!opened.ok) {
    const { reason, detail } = opened.failure
    return fail({ passes: reason === 'unreachable', detail })
  }
  const { store, keys } = opened.value
  const context = { settings: settingsOf(configuration), keys, chance: systemChance }
  // A server that was to have any port keeps the one that it has.
  const listen = { ...configuration.listen, port: early?.port ?? configuration.listen.port }
  const place = database.engine === 'sqlite' ? database.path : 'in PostgreSQL'
  try {
    const tokens = await giveFirstTokens(store, context, data_dir)
    if (!tokens.ok) {
      await store[Symbol.asyncDispose]()
      return fail({ passes: false, detail: tokens.failure })
    }
    const server = await startServer({
      ...{ listen, store, context, tls, log, version },
      auditFile: join(data_dir, 'audit.jsonl'),
      clock: systemClock,
      beforeListening: async () => early?.[Symbol.asyncDispose](),
    })
    log('info', 'the server listens', { url: server.url, store: store.engine, version })
    const text = welcome(server.url, place, tokens.value)
    return ok({ server, registrationFile: tokens.value.registration, text })
  } catch (error) {
    await store[Symbol.asyncDispose]()
    if (!(error instanceof StoreFailure)) return fail({ passes: false, detail: listenText(error, listen) })
    const detail = isDiskFull(error) ? diskFullText(`the store, ${place}`) : error.message
    return fail({ passes: error.reason === 'unavailable', detail })
  }
}

/** Why nobody can listen there; throws what is no such error. */
function listenText(error: unknown, { host, port }: { host: string; port: number }): string {
  const where = `${host}:${port}`
  if (errorCode(error) === 'EADDRINUSE')
    return `${where} is in use by another program: stop that, or set listen in [server]`
  if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
  return `cannot listen on ${where}: ${errorText(error)}`
}

function welcome(url: string, store: string, tokens: { admin: string; registration: string }): string {
  // An address that stands for all of a host's is none to connect to.
  const reached = url.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`)
  return `runner server listens on ${url}; its store is ${store}
  attach a runner:  runner attach --server ${reached} --token-file ${tokens.registration}
  submit a job:     runner submit --server ${reached} --token-file ${tokens.admin} --image busybox --wait -- echo hello
`
}
