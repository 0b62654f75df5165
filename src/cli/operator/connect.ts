import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { formatDiagnostic } from '../../config/diagnostic.ts'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { jsonText } from '../../process/printable.ts'
import { Client } from '../../protocol/client.ts'
import type { ClientFailure } from '../../protocol/client-failure.ts'
import { serverUrl, type TransportOptions } from '../../protocol/transport.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { type ConfigOptions, loadTrusted } from '../load-configuration.ts'
import { print, sayError } from '../say.ts'
import { listenersAt } from './listeners.ts'

/** Options of every command to a server. */
export interface ConnectOptions extends ConfigOptions {
  server?: string
  tokenFile?: string
  caFile?: string
  certFile?: string
  keyFile?: string
  proxy?: string
  json: boolean
  quiet?: boolean
}

/** The environment's word for an option. */
const variables = {
  server: 'RUNNER_SERVER',
  tokenFile: 'RUNNER_SERVER_TOKEN_FILE',
  caFile: 'RUNNER_SERVER_CA_FILE',
}

/** What keeps a command from calling its server. */
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

function makeClient(options: ConnectOptions, env: NodeJS.ProcessEnv): Result<Client, Unusable> {
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
      ? localToken(server, local!)
      : readToken(tokenFile, 'name another by --token-file')
  if (!token.ok) return fail({ message: token.failure, status: exitStatus.config })
  const transport = transportOptions(options, env)
  if (!transport.ok) return fail({ message: transport.failure, status: exitStatus.config })
  const own = tokenFile === undefined && local?.ok ? local.value : undefined
  if (own !== undefined && options.proxy !== undefined) {
    const message = `the token of this host goes to its own server without a proxy: leave --proxy out, or name a token file by --token-file or ${variables.tokenFile}`
    return fail({ message, status: exitStatus.usage })
  }
  return ok(
    new Client({
      ...{ ...transport.value, server, token: () => token.value, clock: systemClock },
      // A proxy of the environment would get the token of this host, and in clear where the server has no TLS.
      env: own === undefined ? env : {},
      ...(own === undefined ? {} : { check: () => strangerAt(server, own.tokenFile) }),
    }),
  )
}

interface LocalServer {
  url: URL
  tokenFile: string
}

/** The server that `[server]` of the configuration describes. */
function localServer(options: ConnectOptions, env: NodeJS.ProcessEnv): Result<LocalServer, string> {
  const loaded = loadTrusted(options, env)
  if (!loaded.ok) return fail(loaded.failure.map(formatDiagnostic).join('\n'))
  const { listen, tls, data_dir } = loaded.value.server
  const anywhere: Record<string, string> = { '::': '[::1]', '0.0.0.0': '127.0.0.1' }
  const host = anywhere[listen.host] ?? (listen.host.includes(':') ? `[${listen.host}]` : listen.host)
  const url = serverUrl(`${tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`)
  return url.ok ? ok({ url: url.value, tokenFile: join(data_dir, 'admin.token') }) : url
}

/**
 * The token that the server of this machine made for its administrator. It is for the address on which that server
 * listens by its configuration.
 */
function localToken(server: URL, local: Result<LocalServer, string>): Result<string, string> {
  const how = `name a token file by --token-file or ${variables.tokenFile}; an administrator makes one by \`runner token create\``
  if (!local.ok) return local
  const { url, tokenFile } = local.value
  if (!isSamePlace(server, url))
    return fail(
      `${server.origin} wants a token, and that of this host is for ${url.origin} alone (listen in [server]): ${how}`,
    )
  return readToken(tokenFile, `be the user that the server runs as, or ${how}`)
}

/** Whether two addresses are of one server: the loopback addresses of this host are one place. */
function isSamePlace(one: URL, other: URL): boolean {
  const isHere = ({ hostname }: URL) => /^(localhost|\[::1\]|127\.[\d.]+)$/.test(hostname)
  return (
    one.protocol === other.protocol &&
    one.port === other.port &&
    (one.hostname === other.hostname || (isHere(one) && isHere(other)))
  )
}

/** What keeps the token of this host from a server: another user's program that listens at the address of ours. */
function strangerAt(url: URL, tokenFile: string): ClientFailure | undefined {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const users = listenersAt(url.hostname, port)
  if (users === undefined) return undefined
  // Not even tried: anybody may begin to listen in the next moment.
  if (users.length === 0)
    return {
      reason: 'server-refused',
      message: `nothing listens at ${url.origin}; is \`runner server\` running there, and is the port right?`,
    }
  const trusted = [0, statSync(tokenFile, { throwIfNoEntry: false })?.uid]
  const stranger = users.find(user => !trusted.includes(user))
  if (stranger === undefined) return undefined
  const message = `user ${stranger} listens at ${url.origin}, and not the server of this host, whose token is in ${tokenFile}: nothing is sent there`
  return { reason: 'not-a-server', message }
}

function readToken(file: string, hint: string): Result<string, string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'it is not there' : errorText(error)
    return fail(`the token in ${file} cannot be read: ${why}; ${hint}`)
  }
  // Whatever else it is, it is not for the server to see.
  if (!/^[\x21-\x7e]{1,512}$/.test(text)) return fail(`there is no token in ${file}; ${hint}`)
  return ok(text)
}

function transportOptions(
  { caFile, certFile, keyFile, proxy }: ConnectOptions,
  env: NodeJS.ProcessEnv,
): Result<TransportOptions, string> {
  const transport: TransportOptions = proxy === undefined ? {} : { proxy }
  for (const [key, file] of [
    ['ca', caFile ?? (env[variables.caFile] || undefined)],
    ['cert', certFile],
    ['key', keyFile],
  ] as const) {
    if (file === undefined) continue
    try {
      transport[key] = readFileSync(file)
    } catch (error) {
      return fail(`${file} cannot be read: ${errorText(error)}`)
    }
  }
  return ok(transport)
}

/** Says why a call came to nothing, about what where there are several; gives the exit status for it. */
export function sayFailure(failure: ClientFailure, about?: string): number {
  const hint =
    failure.reason === 'bad-token'
      ? '; was the token revoked, or is it that of another server?'
      : failure.reason === 'wrong-token-kind'
        ? '; it takes an admin token'
        : ''
  sayError(`runner: ${about === undefined ? '' : `${about}: `}${failure.message}${hint}\n`)
  return statusOf(failure)
}

function statusOf({ reason, status }: ClientFailure): number {
  if (reason === 'stopped') return exitStatus.interrupted.SIGINT
  if (status === undefined || status >= 500 || reason === 'not-a-server') return exitStatus.unavailable
  return reason === 'not-found' || reason === 'deleted' ? exitStatus.notFound : exitStatus.refused
}

/** One JSON value, as `--json` prints it. */
export function printJson(value: unknown): void {
  print(`${jsonText(value)}\n`)
}

/** How wide a table may be: that of the terminal, if there is one. */
export function tableWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined
}
