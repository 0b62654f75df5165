import { exitStatus } from '../../exit-status.ts'
import { replaceFile } from '../../process/durable-file.ts'
import type { Token, TokenCreate } from '../../protocol/messages.ts'
import { columns } from '../../report/columns.ts'
import { localTime } from '../../report/history.ts'
import { errorText } from '../../result.ts'
import { print, sayError } from '../say.ts'
import { type ConnectOptions, printJson, sayFailure, tableWidth, withClient } from './connect.ts'
import { callById } from './ids.ts'
import { collect } from './pages.ts'

export interface TokenCreateOptions extends ConnectOptions {
  kind: TokenCreate['kind']
  name: string
  expiresIn?: number
  /** A file to write it into, mode 0600. */
  out?: string
}

/** `runner token create`: its text is shown, or written into a file, this one time. */
export function tokenCreateCommand(options: TokenCreateOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const { kind, name, expiresIn, out } = options
    const expiry = expiresIn === undefined ? {} : { expires_in_seconds: expiresIn }
    const made = await client.call('createToken', { body: { kind, name, ...expiry } })
    if (!made.ok) return sayFailure(made.failure)
    const { token, ...rest } = made.value
    if (out === undefined) {
      if (options.json) printJson(made.value)
      else print(`${token}\n`)
      return exitStatus.ok
    }
    try {
      await replaceFile(out, `${token}\n`, { mode: 0o600 })
    } catch (error) {
      sayError(`runner: ${out} cannot be written: ${errorText(error)}; the token is revoked again\n`)
      await client.call('revokeToken', { params: { id: made.value.id } })
      return exitStatus.unavailable
    }
    if (options.json) printJson(rest)
    return exitStatus.ok
  })
}

/** `runner token list`. */
export function tokenListCommand(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const tokens = await collect(page => client.call('listTokens', { query: page }))
    if (!tokens.ok) return sayFailure(tokens.failure)
    if (options.json) printJson(tokens.value)
    else print(tokensText(tokens.value))
    return exitStatus.ok
  })
}

function tokensText(tokens: readonly Token[]): string {
  const time = (at: string | null) => (at === null ? 'never' : localTime(at))
  const rows = tokens.map(({ id, kind, name, created_at, expires_at, last_used_at }) => [
    id,
    kind,
    name,
    time(created_at),
    time(expires_at),
    time(last_used_at),
  ])
  return columns([['token', 'kind', 'name', 'made', 'expires', 'last used'], ...rows], tableWidth())
}

export interface TokenRevokeOptions extends ConnectOptions {
  id: string
}

/** `runner token revoke`: what it opened ends within 5 s. */
export function tokenRevokeCommand(options: TokenRevokeOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const { id } = options
    const revoked = await callById('token', id, () => client.call('revokeToken', { params: { id } }))
    if (!revoked.ok) return sayFailure(revoked.failure)
    if (options.json) printJson({ revoked: id })
    return exitStatus.ok
  })
}
