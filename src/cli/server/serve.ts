import { parseAddress } from '../../config/address.ts'
import type { Diagnostic } from '../../config/diagnostic.ts'
import type { Configuration } from '../../config/load.ts'
import type { ServerConfiguration } from '../../config/sections/server.ts'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { proxyVariables } from '../../protocol/client/transport.ts'
import type { StopKind } from '../../remote/drain.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { notifyVariables, type SystemdNotifier, systemdNotifier } from '../../report/systemd.ts'
import { ok, type Result } from '../../result.ts'
import type { OidcSettings } from '../../server/browser/oidc.ts'
import { tlsOptions } from '../../server/http/tls.ts'
import { type Log, makeLog } from '../../server/log.ts'
import type { RunningServer } from '../../server/server.ts'
import { isLoopback } from '../../system/loopback.ts'
import { readSecretFile } from '../../system/secret-file.ts'
import { readTokenFile } from '../../system/token-file.ts'
import { aborted } from '../../system/wait.ts'
import { hasErrors } from '../chain/load-chain.ts'
import { loadTrusted, sayFindings } from '../config.ts'
import type { AttachCommandOptions } from '../host/attach.ts'
import { problemsOfTarget } from '../notify-files.ts'
import { verbosityOf } from '../options.ts'
import { pageLink } from '../page-link.ts'
import { catchSignals, interruptedBy, type Signals } from '../signals.ts'
import { readVersion } from '../version.ts'
import type { ServerCommandOptions } from './options.ts'
import { type StartedServer, startWhenReady } from './start.ts'

/** Serves until the process is asked to stop; resolves to the exit status. */
export async function serve(options: ServerCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadTrusted(options, env)
  if (!loaded.ok) return refuseAll(loaded.failure)
  const { server, findings } = withOptions(loaded.value, options)
  const errors = findings.filter(finding => finding.severity === 'error')
  if (hasErrors(findings)) return refuseAll(errors)
  const tls = server.tls === undefined ? undefined : tlsOptions(server.tls)
  if (tls?.ok === false)
    return refuseAll(tls.failure.map(message => ({ severity: 'error', reason: 'tls-unusable', message })))
  const { targets } = loaded.value
  const unusable = targets.flatMap(target => problemsOfTarget(target, options, env))
  if (unusable.length > 0) return refuseAll(unusable)
  const oidc = oidcOf(server)
  if (!oidc.ok) return refuseAll([{ severity: 'error', reason: 'oidc-unusable', message: oidc.failure }])

  using signals = catchSignals()
  const least = { quiet: 'error', normal: 'info', verbose: 'debug' } as const
  const log = makeLog(sayError, {
    json: options.json || !process.stderr.isTTY,
    least: least[verbosityOf(options)],
    clock: systemClock,
  })
  const notifier = openNotifier(env, log)
  try {
    const started = await startWhenReady({
      configuration: server,
      targets,
      oidc: oidc.value,
      tls: tls?.value,
      version: readVersion(),
      log,
      stop: signals.stop,
      insecurePermissions: options.insecurePermissions === true,
      onWait: problem => notifier?.notify({ STATUS: `waits for its database: ${problem}` }),
    })
    if (!started.ok) return failure(started.failure)
    const running = started.value
    if (running === undefined) return exitStatus.ok
    if (server.tls !== undefined) renewTlsAtHangup(running.server, server.tls, log)
    notifier?.notify({ READY: '1', STATUS: `listens on ${running.server.url}` })
    if (options.json) printJson(running.facts)
    else if (!options.quiet) print(running.text + (await pageLine(running, server)))
    const beside = options.attach ? attachBeside(running, options, env, signals, log) : undefined
    return await untilStopped(running.server, signals, notifier, log, beside)
  } finally {
    notifier?.close()
  }
}

/** The identity provider of `[server]`, with the secret out of its file. */
function oidcOf(server: ServerConfiguration): Result<OidcSettings | undefined, string> {
  const { oidc_issuer: issuer, oidc_client_id: clientId, oidc_client_secret_file: file } = server
  if (issuer === undefined || clientId === undefined) return ok(undefined)
  const secret = file === undefined ? ok(undefined) : readSecretFile('oidc_client_secret_file', file)
  if (!secret.ok) return secret
  const { oidc_scopes: scopes, oidc_roles: roles } = server
  return ok({ issuer, clientId, clientSecret: secret.value, scopes, roles })
}

/**
 * The line with a link that signs the administrator in: on a terminal alone, since a file keeps it for others
 * to read, and for a browser on this host.
 */
async function pageLine(
  { server, adminFile }: StartedServer,
  { page, public_url, listen }: ServerConfiguration,
): Promise<string> {
  if (!page || !process.stdout.isTTY || !isLoopback(listen.host)) return ''
  const token = readTokenFile(adminFile, '')
  const code = token.ok ? await server.pageCode(token.value) : undefined
  return code === undefined ? '' : `  open its page:    ${pageLink(public_url ?? server.url, code)}\n`
}

function openNotifier(env: NodeJS.ProcessEnv, log: Log): SystemdNotifier | undefined {
  if (!env.NOTIFY_SOCKET) return undefined
  return systemdNotifier(
    env,
    problem => log('warning', 'systemd is not told how the server is', { problem }),
    systemClock,
  )
}

/** The configuration, overridden by the command line, and the findings that keep a server from starting. */
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
    ...(listen === undefined ? section('server').get('listen')?.origin : undefined),
    message:
      `the server would listen on ${address.host} without TLS: ` +
      'tokens and secrets could be read on their way',
    hint:
      'set tls_cert_file and tls_key_file in [server], or listen on 127.0.0.1; ' +
      'behind a proxy of your own, --insecure-http',
  }
  return { server, findings: [...findings, open] }
}

/**
 * Reads the certificates anew at each SIGHUP: later connections get them, unless the files cannot be used.
 */
function renewTlsAtHangup(
  server: RunningServer,
  files: NonNullable<ServerConfiguration['tls']>,
  log: Log,
): void {
  process.on('SIGHUP', () => {
    const read = tlsOptions(files)
    if (!read.ok)
      return log('error', 'the new certificates are not used: the former ones stay in force', {
        problem: read.failure.join('; '),
      })
    server.renewTls(read.value)
    log('info', 'the certificates have been read again')
  })
}

/**
 * Attaches a runner to the server of this process. It drains at the first signal, before the server stops,
 * and aborts its jobs at the second. At SIGUSR2, which `runner drain` sends, the runner drains and the server
 * keeps running.
 */
async function attachBeside(
  { server, registrationFile }: StartedServer,
  serverOptions: ServerCommandOptions,
  env: NodeJS.ProcessEnv,
  { stop, hurry }: Signals,
  log: Log,
): Promise<void> {
  const drain = new AbortController()
  const take = () => drain.abort('drain' satisfies StopKind)
  stop.addEventListener('abort', take, { once: true })
  process.once('SIGUSR2', take)
  const options: AttachCommandOptions = {
    ...serverOptions,
    server: server.url,
    tokenFile: registrationFile,
    newIdentity: false,
    json: serverOptions.json || !process.stderr.isTTY,
    besideServer: true,
  }
  // The server alone notifies systemd, which would take a stopping runner for a stopping service. A runner
  // reaches the server of its own process without a proxy, so that no proxy sees its tokens.
  const unset = [...notifyVariables, ...proxyVariables]
  const quiet = Object.fromEntries(
    Object.entries(env).filter(([name]) => !unset.some(own => own === name.toUpperCase())),
  )
  const { attachWith } = await import('../host/attach.ts')
  const end = await attachWith(options, quiet, { stop: drain.signal, hurry })
  if (!end.ok) sayError(`runner: the server runs without a runner: ${end.failure.message}\n`)
  else if (!stop.aborted) log('info', 'the attached runner has ended; the server runs on', { end: end.value })
}

/** Serves until a signal comes; a second signal ends the process without waiting for open requests. */
async function untilStopped(
  server: RunningServer,
  { stop, hurry }: Signals,
  notifier: SystemdNotifier | undefined,
  log: Log,
  beside: Promise<void> | undefined,
): Promise<number> {
  await aborted(stop)
  log('info', 'the server stops; executions run on', { signal: String(stop.reason) })
  notifier?.notify({ STOPPING: '1', STATUS: 'stopping' })
  // The server has to accept the results of the runner before it closes.
  await beside
  const closed = server[Symbol.asyncDispose]().then(() => exitStatus.ok)
  const status = await Promise.race([closed, aborted(hurry).then(() => undefined)])
  if (status !== undefined) return status
  // Every acknowledged write is on disk, so the process may exit here.
  process.exit(interruptedBy(hurry))
}

function failure(message: string): number {
  sayError(`runner: ${message}\n`)
  return exitStatus.unavailable
}

function refuseAll(errors: readonly Diagnostic[]): number {
  sayFindings(errors)
  sayError('runner: the server has not been started\n')
  return exitStatus.config
}
