import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfiguration } from '../../config/load.ts'
import { findConfigFile } from '../../config/sources.ts'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { Client } from '../../protocol/client.ts'
import type { ClientFailure } from '../../protocol/client-failure.ts'
import { serverUrl, type TransportOptions } from '../../protocol/transport.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { sayError } from '../say.ts'

/** Options of every command to a server. */
export interface ConnectOptions {
  /** `-c`. */
  config?: string
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
  return ok(new Client({ ...transport.value, server, token: () => token.value, clock: systemClock, env }))
}

interface LocalServer {
  url: URL
  tokenFile: string
}

/** The server that `[server]` of the configuration describes. */
function localServer({ config }: ConnectOptions, env: NodeJS.ProcessEnv): Result<LocalServer, string> {
  const loaded = loadConfiguration(findConfigFile(config, env), env)
  if (!loaded.ok) return fail(loaded.failure[0]!.message)
  const { listen, tls, data_dir } = loaded.value.server
  const anywhere: Record<string, string> = { '::': '[::1]', '0.0.0.0': '127.0.0.1' }
  const host = anywhere[listen.host] ?? (listen.host.includes(':') ? `[${listen.host}]` : listen.host)
  const url = serverUrl(`${tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`)
  return url.ok ? ok({ url: url.value, tokenFile: join(data_dir, 'admin.token') }) : url
}

/** The token that the server of this machine made for its administrator: for that server, and for no other. */
function localToken(server: URL, local: Result<LocalServer, string>): Result<string, string> {
  const how = `name a token file by --token-file or ${variables.tokenFile}; an administrator makes one by \`runner token create\``
  if (!/^(localhost|\[::1\]|127\..*)$/.test(server.hostname)) {
    if (!local.ok || local.value.url.origin !== server.origin)
      return fail(`${server.origin} wants a token: ${how}`)
  }
  return local.ok ? readToken(local.value.tokenFile, `be the user that the server runs as, or ${how}`) : local
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
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** How wide a table may be: that of the terminal, if there is one. */
export function tableWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined
}
