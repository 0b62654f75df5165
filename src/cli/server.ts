import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import { type Configuration, loadConfiguration } from '../config/load.ts'
import { parseAddress, type ServerConfiguration } from '../config/server-section.ts'
import { findConfigFile } from '../config/sources.ts'
import { systemChance, systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { makeDirectory } from '../journal/files.ts'
import type { Verbosity } from '../report/describe.ts'
import { type Notifier, systemdNotifier } from '../report/systemd.ts'
import { errorCode, errorText } from '../result.ts'
import { giveFirstTokens } from '../server/first-tokens.ts'
import { type Log, makeLog } from '../server/log.ts'
import { type RunningServer, startServer } from '../server/server.ts'
import { settingsOf } from '../server/settings.ts'
import { openStore } from '../server/store/open.ts'
import { isLoopback, type TlsOptions, tlsOptions } from '../server/tls.ts'
import { hasErrors } from './load-chain.ts'
import { sayError } from './say.ts'
import { catchSignals, type Signals } from './signals.ts'

export interface ServerCommandOptions {
  /** `-c`. */
  config?: string
  /** Instead of `listen`. */
  listen?: string
  /** Listen without TLS beyond the loopback addresses. */
  insecureHttp: boolean
  /** Attach a runner to it, in the same process. */
  attach: boolean
  verbosity: Verbosity
  version: string
}

/** `runner server`: serves until it is asked to stop; resolves to the exit status. */
export async function serverCommand(options: ServerCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadConfiguration(findConfigFile(options.config, env), env)
  if (!loaded.ok) return refuseAll(loaded.failure)
  const { server, findings } = withOptions(loaded.value, options)
  const errors = findings.filter(finding => finding.severity === 'error')
  if (hasErrors(findings)) return refuseAll(errors)
  const tls = server.tls === undefined ? undefined : tlsOptions(server.tls)
  if (tls?.ok === false)
    return refuseAll(tls.failure.map(message => ({ severity: 'error', reason: 'tls-unusable', message })))

  using signals = catchSignals()
  const least = { quiet: 'error', normal: 'info', verbose: 'debug' } as const
  const log = makeLog(sayError, {
    json: !process.stderr.isTTY,
    least: least[options.verbosity],
    clock: systemClock,
  })
  const notifier = openNotifier(env, log)
  try {
    const running = await start(server, tls?.value, options, log)
    if (typeof running === 'number') return running
    if (server.tls !== undefined) renewTlsAtHangup(running.server, server.tls, log)
    notifier?.tell({ READY: '1', STATUS: `listens on ${running.server.url}` })
    if (options.verbosity !== 'quiet') process.stdout.write(running.text)
    const beside = options.attach ? attachBeside(running, options, env, signals) : undefined
    return await untilStopped(running.server, signals, notifier, log, beside)
  } finally {
    notifier?.close()
  }
}

function openNotifier(env: NodeJS.ProcessEnv, log: Log): Notifier | undefined {
  if (!env.NOTIFY_SOCKET) return undefined
  return systemdNotifier(env, problem => log('warning', 'systemd is not told', { problem }), systemClock)
}

/** The configuration with what the command line says instead, and all that keeps a server from starting by it. */
function withOptions(
  { server, findings, section }: Configuration,
  { listen, insecureHttp }: ServerCommandOptions,
): { server: ServerConfiguration; findings: Diagnostic[] } {
  const address = listen === undefined ? server.listen : parseAddress(listen)
  if (server.tls !== undefined || insecureHttp || isLoopback(address.host))
    return { server: { ...server, listen: address }, findings }
  const open: Diagnostic = {
    severity: 'error',
    reason: 'tls-missing',
    ...(listen === undefined ? section('server').get('listen')?.origin : {}),
    message: `the server would listen on ${address.host} without TLS: tokens and secrets could be read on their way`,
    hint: 'set tls_cert_file and tls_key_file in [server], or listen on 127.0.0.1; behind a proxy of your own, --insecure-http',
  }
  return { server, findings: [...findings, open] }
}

interface Started {
  server: RunningServer
  /** File with a token that registers runners. */
  registrationFile: string
  /** What a person is told. */
  text: string
}

/** Opens the store and listens; where it cannot, says why and gives the exit status. */
async function start(
  configuration: ServerConfiguration,
  tls: TlsOptions | undefined,
  options: ServerCommandOptions,
  log: Log,
): Promise<Started | number> {
  const { database, data_dir, key_file, listen } = configuration
  try {
    makeDirectory(data_dir)
  } catch (error) {
    return failure(`the directory ${data_dir} cannot be made: ${errorText(error)}`)
  }
  const opened = await openStore({
    database: database.engine === 'sqlite' ? `sqlite:${database.path}` : database.url,
    dataDir: data_dir,
    keyFile: key_file,
  })
  if (!opened.ok) return failure(opened.failure.detail)
  const { store, keys } = opened.value
  const context = { settings: settingsOf(configuration), keys, chance: systemChance }
  const tokens = await giveFirstTokens(store, context, data_dir)
  if (!tokens.ok) {
    await store[Symbol.asyncDispose]()
    return failure(tokens.failure)
  }
  try {
    const server = await startServer({
      ...{ listen, store, context, tls, log, version: options.version },
      auditFile: join(data_dir, 'audit.jsonl'),
      clock: systemClock,
    })
    const place = database.engine === 'sqlite' ? database.path : 'in PostgreSQL'
    log('info', 'the server listens', { url: server.url, store: store.engine, version: options.version })
    return {
      server,
      registrationFile: tokens.value.registration,
      text: welcome(server.url, place, tokens.value),
    }
  } catch (error) {
    const where = `${listen.host}:${listen.port}`
    if (errorCode(error) === 'EADDRINUSE')
      return failure(`${where} is in use by another program: stop that, or set listen in [server]`)
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    return failure(`cannot listen on ${where}: ${errorText(error)}`)
  }
}

function welcome(url: string, store: string, tokens: { admin: string; registration: string }): string {
  // An address that stands for all of a host's is none to connect to.
  const reached = url.replace(/\/\/(0\.0\.0\.0|\[::\]):/, `//${hostname()}:`)
  return `runner server listens on ${url}; its store is ${store}
  attach a runner:  runner attach --server ${reached} --token-file ${tokens.registration}
  submit a job:     runner submit --server ${reached} --token-file ${tokens.admin} --image busybox --wait -- echo hello
`
}

/** At SIGHUP: what connects from then on gets the certificates that are in the files now, if they are of any use. */
function renewTlsAtHangup(
  server: RunningServer,
  files: NonNullable<ServerConfiguration['tls']>,
  log: Log,
): void {
  process.on('SIGHUP', () => {
    const read = tlsOptions(files)
    if (!read.ok)
      return log('error', 'the new certificates are not used', { problem: read.failure.join('; ') })
    server.renewTls(read.value)
    log('info', 'the certificates have been read anew')
  })
}

/**
 * Attaches a runner to the server of this process. It drains at the first signal, before the server stops, and aborts
 * what runs at the second.
 */
async function attachBeside(
  { server, registrationFile }: Started,
  { config, verbosity, version }: ServerCommandOptions,
  env: NodeJS.ProcessEnv,
  { stop, hurry }: Signals,
): Promise<void> {
  const drain = new AbortController()
  stop.addEventListener('abort', () => drain.abort('drain'), { once: true })
  const options = {
    ...(config === undefined ? {} : { config }),
    ...{ server: server.url, tokenFile: registrationFile, newIdentity: false, json: !process.stderr.isTTY },
    ...{ verbosity, version },
  }
  const { attachWith } = await import('./attach.ts')
  const end = await attachWith(options, env, { stop: drain.signal, hurry })
  if (!end.ok) sayError(`runner: no runner is attached: ${end.failure.message}\n`)
}

/** Serves until a signal comes; a second one does not wait for what is under way. */
async function untilStopped(
  server: RunningServer,
  { stop, hurry }: Signals,
  notifier: Notifier | undefined,
  log: Log,
  beside: Promise<void> | undefined,
): Promise<number> {
  await aborted(stop)
  log('info', 'the server stops; running executions go on', { signal: String(stop.reason) })
  notifier?.tell({ STOPPING: '1', STATUS: 'stopping' })
  // Its results have to get in.
  await beside
  const closed = server[Symbol.asyncDispose]().then(() => exitStatus.ok)
  const status = await Promise.race([closed, aborted(hurry).then(() => undefined)])
  if (status !== undefined) return status
  // What is acknowledged is on disk.
  process.exit(exitStatus.interrupted[hurry.reason as 'SIGINT' | 'SIGTERM'])
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function failure(message: string): number {
  sayError(`runner: ${message}\n`)
  return exitStatus.unavailable
}

function refuseAll(errors: readonly Diagnostic[]): number {
  for (const error of errors) sayError(`runner: ${formatDiagnostic(error)}\n`)
  sayError('runner: the server has not been started\n')
  return exitStatus.config
}
