/*
 * The start of a server: its store, its first tokens, its address; and the wait for a database that comes
 * later.
 */
import { hostname } from 'node:os'
import type { Configuration } from '../../config/load.ts'
import type { ServerConfiguration } from '../../config/sections/server.ts'
import { systemChance, systemClock } from '../../edges.ts'
import { makeOwnDirectory } from '../../journal/files.ts'
import { auditToSyslog } from '../../report/audit-syslog.ts'
import { defined, errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import type { OidcSettings } from '../../server/browser/oidc.ts'
import { type EarlyListener, listenEarly } from '../../server/http/early-listener.ts'
import type { TlsOptions } from '../../server/http/tls.ts'
import type { Log } from '../../server/log.ts'
import { type RunningServer, startServer } from '../../server/server.ts'
import { contextOf } from '../../server/settings.ts'
import { giveFirstTokens } from '../../server/upkeep/first-tokens.ts'
import { diskFullText, isDiskFull, StoreFailure } from '../../store/failure.ts'
import { openStore } from '../../store/open.ts'
import { makeDirectory } from '../../system/durable-file.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { unfitStore } from '../config.ts'
import { placesOf } from './places.ts'

export interface Starting {
  configuration: ServerConfiguration
  /** The targets of notifications. */
  targets: Configuration['targets']
  /** The identity provider by which people sign in. */
  oidc: OidcSettings | undefined
  tls: TlsOptions | undefined
  version: string
  /** Whether other users may write to the data directory. */
  insecurePermissions: boolean
  log: Log
  /** Ends a start that waits for its database. */
  stop: AbortSignal
  /** Called when the start begins to wait for the database. */
  onWait: (problem: string) => void
}

export interface StartedServer {
  server: RunningServer
  /** File with the token of the administrator. */
  adminFile: string
  /** File with a token that registers runners. */
  registrationFile: string
  /** The lines for the person who started the server. */
  text: string
  /** The same for a program. */
  facts: {
    url: string
    store: string
    version: string
    admin_token_file: string
    registration_token_file: string
  }
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
 * Opens the store and listens. While a PostgreSQL does not answer, the start waits, and `/health` says so.
 * Gives undefined where a signal stopped the wait, and a sentence where the server cannot start.
 */
export async function startWhenReady(starting: Starting): Promise<Result<StartedServer | undefined, string>> {
  const { configuration, tls, version, log, stop, onWait } = starting
  const { database, data_dir, listen } = configuration
  // Checked before anything is written there: a link could lead anywhere, and the database contains all
  // tokens.
  const unfit = unfitStore(configuration, starting)
  if (unfit !== undefined) return fail(`the store cannot be used: ${unfit}`)
  try {
    if (starting.insecurePermissions) makeDirectory(data_dir)
    else makeOwnDirectory(data_dir, ['logs', 'locks'])
  } catch (error) {
    if (isDiskFull(error)) return fail(diskFullText(`the directory ${data_dir}`))
    return fail(`the directory ${data_dir} cannot be used: ${errorText(error)}; set data_dir in [server]`)
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
  { configuration, targets, oidc, tls, version, log, stop }: Starting,
  early: EarlyListener | undefined,
): Promise<Result<StartedServer, NotStarted>> {
  const { database, data_dir, key_file } = configuration
  const opened = await openStore({ ...placesOf(configuration), stop })
  if (!opened.ok) {
    const { reason, detail } = opened.failure
    return fail({ passes: reason === 'unreachable', detail })
  }
  const { store, keys, rekey } = opened.value
  if (rekey !== undefined)
    log('warning', `a rekey that was interrupted has been ${rekey.outcome}`, {
      key_file,
      ...defined({ former_key_file: rekey.former }),
    })
  const context = contextOf(configuration, targets, keys, systemChance)
  // With port 0 the server keeps the port that the early listener got.
  const listen = { ...configuration.listen, port: early?.port ?? configuration.listen.port }
  const place = database.engine === 'sqlite' ? database.path : 'in PostgreSQL'
  try {
    const tokens = await giveFirstTokens(store, context, data_dir)
    if (!tokens.ok) {
      await store[Symbol.asyncDispose]()
      return fail({ passes: false, detail: tokens.failure })
    }
    const server = await startServer({
      listen,
      store,
      context,
      dataDir: data_dir,
      tls,
      browsers: { page: configuration.page, publicUrl: configuration.public_url, oidc },
      log,
      version,
      targets,
      notifyPrivate: configuration.notify_private,
      trustedProxies: configuration.trusted_proxies,
      passOnAudit: configuration.audit_syslog ? entries => auditToSyslog(entries, systemClock) : undefined,
      clock: systemClock,
      beforeListening: async () => early?.[Symbol.asyncDispose](),
    })
    if (tokens.value.locked)
      log('warning', 'no token of an administrator is valid', {
        hint: `remove ${tokens.value.admin} and start the server again: it makes a new one`,
      })
    log('info', 'the server listens', { url: server.url, store: store.engine, version })
    const { admin, registration } = tokens.value
    const text = welcome(server.url, place, tokens.value)
    const files = { admin_token_file: admin, registration_token_file: registration }
    const facts = { url: server.url, store: store.engine, version, ...files }
    return ok({ server, adminFile: admin, registrationFile: registration, text, facts })
  } catch (error) {
    await store[Symbol.asyncDispose]()
    if (!(error instanceof StoreFailure)) return fail({ passes: false, detail: listenText(error, listen) })
    const detail = isDiskFull(error) ? diskFullText(`the store, ${place}`) : error.message
    return fail({ passes: error.reason === 'unavailable', detail })
  }
}

/** The reason why an address cannot be listened on; throws any other error. */
function listenText(error: unknown, { host, port }: { host: string; port: number }): string {
  const where = `${host}:${port}`
  if (errorCode(error) === 'EADDRINUSE')
    return `${where} is in use by another program: stop that, or set listen in [server]`
  if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
  return `cannot listen on ${where}: ${errorText(error)}; set listen in [server]`
}

function welcome(url: string, store: string, tokens: { admin: string; registration: string }): string {
  // A wildcard address cannot be connected to.
  const reached = url.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`)
  const using = (file: string) => `--server ${reached} --token-file ${shellQuote(file)}`
  return `runner server listens on ${url}; its store is ${store}
  attach a runner:  runner attach ${using(tokens.registration)}
  submit a job:     runner submit ${using(tokens.admin)} --image busybox --wait -- echo hello
`
}
