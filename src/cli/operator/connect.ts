import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { OptionValues } from '@commander-js/extra-typings'
import { formatDiagnostic } from '../../config/diagnostic.ts'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import { serverUrl, type TransportOptions } from '../../protocol/client/transport.ts'
import { sayError } from '../../report/say.ts'
import { defined, fail, ok, type Result } from '../../result.ts'
import { isLoopback } from '../../system/loopback.ts'
import { readPem } from '../../system/pem-file.ts'
import { exposedToken, readTokenFile } from '../../system/token-file.ts'
import { loadTrusted } from '../config.ts'
import { definesCommandsWith, type OptionsOf } from '../define-command.ts'
import { listenersAt } from './listeners.ts'
import { serverOptions } from './server-options.ts'

/** Options of every command to a server. */
export type ConnectOptions = OptionsOf<typeof serverOptions<[], Record<never, never>>>

/** Exit statuses of a command to a server. */
export const statusNotes = `Exit status: 0 done; 7 not found; 64 usage; 69 the server cannot be reached; 77 it
refuses; 78 no token or no usable configuration.`

const define = definesCommandsWith(serverOptions)

/**
 * Defines a command to a server. Its help has the exit statuses behind the other notes: those of all, or its
 * own `statuses`.
 */
export function defineServerCommand<Args extends unknown[], Options extends OptionValues>({
  statuses = statusNotes,
  ...definition
}: Parameters<typeof define<Args, Options>>[0] & { statuses?: string }) {
  const { notes } = definition
  return define({ ...definition, notes: notes === undefined ? statuses : `${notes}\n\n${statuses}` })
}

/** The variables of the environment that stand in for options. */
const variables = {
  server: 'RUNNER_SERVER',
  tokenFile: 'RUNNER_SERVER_TOKEN_FILE',
  caFile: 'RUNNER_SERVER_CA_FILE',
}

/** The reason why a command cannot call its server, with its exit status. */
interface Unusable {
  message: string
  status: number
}

/** Makes a client of the options, lets it work, and closes it; resolves to the exit status. */
export async function withClient(
  options: ConnectOptions,
  env: NodeJS.ProcessEnv,
  work: (client: Client) => Promise<number>,
): Promise<number> {
  const made = makeClient(options, env)
  if (!made.ok) {
    sayError(`runner: ${made.failure.message}\n`)
    return made.failure.status
  }
  await using client = made.value
  return await work(client)
}

/** A client of the options and the environment; it has to be disposed of. */
export function makeClient(options: ConnectOptions, env: NodeJS.ProcessEnv): Result<Client, Unusable> {
  const named = options.server ?? (env[variables.server] || undefined)
  const tokenFile = options.tokenFile ?? (env[variables.tokenFile] || undefined)
  const given = named === undefined ? undefined : serverUrl(named)
  if (given?.ok === false) return fail({ message: given.failure, status: exitStatus.usage })
  const local = given === undefined || tokenFile === undefined ? localServer(options, env) : undefined
  const server = given?.value ?? (local?.ok ? local.value.url : undefined)
  if (server === undefined)
    return fail({ message: local!.ok ? '' : local!.failure, status: exitStatus.config })
  const token =
    tokenFile === undefined
      ? localToken(server, local!, named !== undefined)
      : readTokenFile(tokenFile, 'name another by --token-file')
  if (!token.ok) return fail({ message: token.failure, status: exitStatus.config })
  const exposed = tokenFile === undefined || options.quiet ? undefined : exposedToken(tokenFile)
  if (exposed !== undefined) sayError(`runner: warning: ${exposed}\n`)
  const transport = transportOptions(options, env)
  if (!transport.ok) return fail({ message: transport.failure, status: exitStatus.config })
  const own = tokenFile === undefined && local?.ok ? local.value : undefined
  if (own !== undefined && options.proxy !== undefined) {
    const message =
      'the token of this host goes to its own server without a proxy: ' +
      `leave --proxy out, or name a token file by --token-file or ${variables.tokenFile}`
    return fail({ message, status: exitStatus.usage })
  }
  return ok(
    new Client({
      ...transport.value,
      server,
      token: () => token.value,
      tokenFile: tokenFile ?? (local?.ok ? local.value.tokenFile : undefined),
      clock: systemClock,
      // A proxy named by the environment would get the token of this host, in clear text where the server has
      // no TLS.
      env: own === undefined ? env : {},
      check: () => (own === undefined ? undefined : strangerAt(server, own.tokenFile)),
    }),
  )
}

export interface LocalServer {
  url: URL
  tokenFile: string
  /** The file of the token with which its first runners register. */
  registrationFile: string
}

/** The server that `[server]` of the configuration describes. */
export function localServer(options: ConnectOptions, env: NodeJS.ProcessEnv): Result<LocalServer, string> {
  const loaded = loadTrusted(options, env)
  if (!loaded.ok) return fail(loaded.failure.map(formatDiagnostic).join('\n'))
  const { listen, tls, data_dir } = loaded.value.server
  const anywhere: Record<string, string> = { '::': '[::1]', '0.0.0.0': '127.0.0.1' }
  const host = anywhere[listen.host] ?? (listen.host.includes(':') ? `[${listen.host}]` : listen.host)
  const url = serverUrl(`${tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`)
  return url.ok
    ? ok({
        url: url.value,
        tokenFile: join(data_dir, 'admin.token'),
        registrationFile: join(data_dir, 'registration.token'),
      })
    : url
}

/**
 * The token that the server of this host made for its administrator. It is sent only to the address in
 * `listen` of that server's configuration.
 */
function localToken(
  server: URL,
  local: Result<LocalServer, string>,
  isNamed: boolean,
): Result<string, string> {
  const how =
    `name a token file by --token-file or ${variables.tokenFile}; ` +
    'an administrator makes one by `runner token create`'
  if (!local.ok) return local
  const { url, tokenFile } = local.value
  if (!isSamePlace(server, url))
    return fail(
      `${server.origin} wants a token, ` +
        `and that of this host is for ${url.origin} alone (listen in [server]): ${how}`,
    )
  if (!isNamed && hasNoFile(tokenFile))
    return fail(
      `no server is named, and this user has none on this host (there is no ${tokenFile}): ` +
        'start one by `runner server`, be the user that it runs as, or name one ' +
        `by --server or ${variables.server}, and a token file by --token-file or ${variables.tokenFile}`,
    )
  return readTokenFile(
    tokenFile,
    `start a server by \`runner server\`, be the user that it runs as, or ${how}`,
  )
}

/** Whether a file is surely not there: one in a directory of others may be. */
function hasNoFile(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined
  } catch {
    return false
  }
}

/** Whether two addresses reach one server: all loopback addresses are the same host. */
function isSamePlace(one: URL, other: URL): boolean {
  return (
    one.protocol === other.protocol &&
    one.port === other.port &&
    (one.hostname === other.hostname || (isLoopback(one.hostname) && isLoopback(other.hostname)))
  )
}

/**
 * The reason not to send the token of this host: a program of another user listens at the address of its
 * server.
 */
function strangerAt(url: URL, tokenFile: string): ClientFailure | undefined {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const users = listenersAt(url.hostname, port)
  if (users === undefined) return undefined
  // The call is not tried: anybody may begin to listen in the next moment.
  if (users.length === 0)
    return {
      reason: 'server-refused',
      message:
        `nothing listens at ${url.origin}; ` +
        'start `runner server` there, or correct the address and its port',
    }
  const trusted = [0, statSync(tokenFile, { throwIfNoEntry: false })?.uid]
  const stranger = users.find(user => !trusted.includes(user))
  if (stranger === undefined) return undefined
  const message =
    `user ${stranger} listens at ${url.origin}, ` +
    `and not the server of this host, whose token is in ${tokenFile}: nothing is sent there`
  return { reason: 'not-a-server', message }
}

function transportOptions(
  { caFile, certFile, keyFile, proxy }: ConnectOptions,
  env: NodeJS.ProcessEnv,
): Result<TransportOptions, string> {
  const transport: TransportOptions = defined({ proxy })
  for (const [key, file] of [
    ['ca', caFile ?? (env[variables.caFile] || undefined)],
    ['cert', certFile],
    ['key', keyFile],
  ] as const) {
    if (file === undefined) continue
    const pem = readPem(file, key, `name another by --${key}-file`)
    if (!pem.ok) return pem
    transport[key] = pem.value
  }
  return ok(transport)
}

/** Prints why a call failed, with the subject where there are several; gives the exit status for it. */
export function sayFailure(failure: ClientFailure, about?: string): number {
  const hint =
    failure.reason === 'bad-token'
      ? `; name the file of another token by --token-file or ${variables.tokenFile}`
      : failure.reason === 'wrong-token-kind' || failure.reason === 'wrong-namespace'
        ? '; `runner whoami` shows what the token may do'
        : ''
  sayError(`runner: ${about === undefined ? '' : `${about}: `}${failure.message}${hint}\n`)
  return statusOf(failure)
}

/** Prints why a command line cannot be executed; gives the exit status for it. */
export function refuseUsage(message: string): number {
  sayError(`runner: ${message}\n`)
  return exitStatus.usage
}

function statusOf({ reason, status }: ClientFailure): number {
  if (reason === 'stopped') return exitStatus.interrupted.SIGINT
  if (status === undefined || status >= 500 || reason === 'not-a-server') return exitStatus.unavailable
  return reason === 'not-found' || reason === 'deleted' ? exitStatus.notFound : exitStatus.refused
}
