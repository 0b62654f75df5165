import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import type { Configuration } from '../config/load.ts'
import { parseAddress, type ServerConfiguration } from '../config/server-section.ts'
import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { proxyVariables } from '../protocol/transport.ts'
import type { StopKind } from '../remote/ending.ts'
import type { Verbosity } from '../report/describe.ts'
import { type Notifier, notifyVariables, systemdNotifier } from '../report/systemd.ts'
import { type Log, makeLog } from '../server/log.ts'
import type { RunningServer } from '../server/server.ts'
import { isLoopback, tlsOptions } from '../server/tls.ts'
import { hasErrors } from './load-chain.ts'
import { type ConfigOptions, loadTrusted } from './load-configuration.ts'
import { print, sayError } from './say.ts'
import { type Started, startWhenReady } from './server-start.ts'
import { catchSignals, type Signals } from './signals.ts'

export interface ServerCommandOptions extends ConfigOptions {
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
  const loaded = loadTrusted(options, env)
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
    const started = await startWhenReady({
      ...{ configuration: server, tls: tls?.value, version: options.version, log, stop: signals.stop },
      insecurePermissions: options.insecurePermissions === true,
      onWait: problem => notifier?.tell({ STATUS: `waits for its database: ${problem}` }),
    })
    if (!started.ok) return failure(started.failure)
    const running = started.value
    if (running === undefined) return exitStatus.ok
    if (server.tls !== undefined) renewTlsAtHangup(running.server, server.tls, log)
    notifier?.tell({ READY: '1', STATUS: `listens on ${running.server.url}` })
    if (options.verbosity !== 'quiet') print(running.text)
    const beside = options.attach ? attachBeside(running, options, env, signals, log) : undefined
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
 * what runs at the second. At SIGUSR2, which `runner drain` sends, it drains, and the server goes on.
 */
async function attachBeside(
  { server, registrationFile }: Started,
  { config, insecurePermissions = false, verbosity, version }: ServerCommandOptions,
  env: NodeJS.ProcessEnv,
  { stop, hurry }: Signals,
  log: Log,
): Promise<void> {
  const drain = new AbortController()
  const take = () => drain.abort('drain' satisfies StopKind)
  stop.addEventListener('abort', take, { once: true })
  process.once('SIGUSR2', take)
  const options = {
    ...(config === undefined ? {} : { config }),
    ...{ server: server.url, tokenFile: registrationFile, newIdentity: false, json: !process.stderr.isTTY },
    ...{ insecurePermissions, verbosity, version, besideServer: true as const },
  }
  // The server speaks to systemd: to it, a runner that stops would be a service that stops. No proxy leads to this
  // very process, and none gets its tokens.
  const unset = [...notifyVariables, ...proxyVariables]
  const quiet = Object.fromEntries(
    Object.entries(env).filter(([name]) => !unset.some(own => own === name.toUpperCase())),
  )
  const { attachWith } = await import('./attach.ts')
  const end = await attachWith(options, quiet, { stop: drain.signal, hurry })
  if (!end.ok) sayError(`runner: no runner is attached: ${end.failure.message}\n`)
  else if (!stop.aborted) log('info', 'the attached runner has ended; the server goes on', { end: end.value })
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
