import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import { everyNamespace, madeKinds } from '../../protocol/messages/token-kinds.ts'
import type { Token, TokenCreate } from '../../protocol/messages/tokens.ts'
import { columns } from '../../report/columns.ts'
import { localTime } from '../../report/local-time.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { shortIds } from '../../report/short-ids.ts'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import { shown } from '../../system/printable.ts'
import { replaceFile } from '../../system/replace-file.ts'
import { defineGroup, type NewCommand, type OptionsOf } from '../define-command.ts'
import { collect, wholeNumber } from '../options.ts'
import { type ConnectOptions, defineServerCommand, refuseUsage, sayFailure, withClient } from './connect.ts'
import { isId, withBeginning } from './ids.ts'
import { parseDuration } from './options.ts'
import { collectPages } from './pages.ts'

const createOptions = (command: NewCommand) =>
  command
    .argument('[role]', `its role: ${madeKinds.join(', ')}`)
    .argument('[name]', 'what it is for')
    .option(
      '--namespace <namespace>',
      'where it holds; several times (default: `default` alone)',
      collect,
      [],
    )
    .option('--all-namespaces', 'it holds in all namespaces, in those that come later too', false)
    .option('--group <group>', 'registration: a group that runners may join', collect, [])
    .option('--capability <name>', 'registration: a capability that runners may have', collect, [])
    .option('--names <pattern>', "registration: names that runners may have, such as 'rack7-*'")
    .option('--metadata-key <key>', 'registration: metadata that runners may give', collect, [])
    .option('--uses <number>', 'registration: how many runners may register', wholeNumber(1, 1_000_000))
    .option('--expires-in <time>', 'seconds, or 15m, 12h, 30d', parseDuration)
    .option('--out <file>', 'write it into this file, mode 0600, and do not show it')

type CreateOptions = ConnectOptions & OptionsOf<typeof createOptions>

/** The roles as a person chooses among them. */
const rolesText = () =>
  columns([
    ['role', 'what it allows'],
    ['admin', 'everything, in all namespaces'],
    ['operator', 'defines, runs and aborts jobs in its namespaces'],
    ['submitter', 'runs the jobs that are defined, and sees what it has run: for a CI'],
    ['viewer', 'reads, and takes metrics'],
    ['registration', 'lets hosts register as runners; say which by --group, --names, --uses'],
  ])

/** Checks the words of `token create`; gives what a call needs, or what is wrong. */
function wantedToken(
  options: CreateOptions,
  kind: string | undefined,
  name: string | undefined,
): Result<TokenCreate, string> {
  const role = madeKinds.find(known => known === kind)
  if (role === undefined) {
    const problem = kind === undefined ? 'say which role the token has' : `${kind} is not a role`
    return fail(`${problem}:\n${rolesText().trimEnd()}`)
  }
  if (name === undefined) return fail(`say what the token is for: \`runner token create ${role} NAME\``)
  const { namespace, allNamespaces, group, capability, names, metadataKey, uses, expiresIn } = options
  if (allNamespaces && namespace.length > 0)
    return fail('--all-namespaces and --namespace exclude each other: leave one of them out')
  const listed = (list: string[]) => (list.length === 0 ? undefined : list)
  const scope = defined({
    runner_groups: listed(group),
    capabilities: listed(capability),
    names,
    metadata_keys: listed(metadataKey),
    uses,
  })
  return ok({
    kind: role,
    name,
    ...defined({
      expires_in_seconds: expiresIn,
      namespaces: allNamespaces ? [everyNamespace] : listed(namespace),
      scope: Object.keys(scope).length === 0 ? undefined : scope,
    }),
  })
}

/** Makes a token; prints its text, or writes it into a file, this one time. */
async function createToken(
  options: CreateOptions,
  [kind, name]: readonly (string | undefined)[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const wanted = wantedToken(options, kind, name)
  if (!wanted.ok) return refuseUsage(wanted.failure)
  return withClient(options, env, async client => {
    const { out } = options
    const made = await client.call('createToken', { body: wanted.value })
    if (!made.ok) return sayFailure(made.failure)
    const { token, ...rest } = made.value
    if (out === undefined) {
      if (options.json) return saidJson(made.value)
      print(`${token}\n`)
      if (!options.quiet) sayError(`runner: ${madeText(rest)}; its text is not shown again\n`)
      return exitStatus.ok
    }
    try {
      await replaceFile(out, `${token}\n`, { mode: 0o600 })
    } catch (error) {
      sayError(`runner: ${out} cannot be written: ${errorText(error)}; the token is revoked again\n`)
      await client.call('revokeToken', { params: { id: made.value.id } })
      return exitStatus.unavailable
    }
    if (options.json) return saidJson(rest)
    if (!options.quiet) sayError(`runner: ${madeText(rest)}; its text is in ${out}\n`)
    return exitStatus.ok
  })
}

function saidJson(value: object): number {
  printJson(value)
  return exitStatus.ok
}

/** The text about a new token. */
function madeText(token: Token): string {
  const until = token.expires_at === null ? 'never expires' : `expires ${localTime(token.expires_at)}`
  return `token ${token.id} is made: ${token.kind} ${shown(token.name)}, ${reachText(token)}, ${until}`
}

function listTokens(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const tokens = await collectPages(page => client.call('listTokens', { query: page }))
    if (!tokens.ok) return sayFailure(tokens.failure)
    if (options.json) printJson(tokens.value)
    else print(tokensText(tokens.value))
    return exitStatus.ok
  })
}

/** Tokens as a table. */
export function tokensText(tokens: readonly Token[]): string {
  const time = (at: string | null) => (at === null ? 'never' : localTime(at))
  const ids = shortIds(tokens.map(({ id }) => id))
  const rows = tokens.map(token => [
    ids.get(token.id)!,
    token.kind,
    token.name,
    reachText(token),
    time(token.created_at),
    time(token.expires_at),
    time(token.last_used_at),
  ])
  return columns([['token', 'role', 'name', 'where', 'made', 'expires', 'last used'], ...rows])
}

/** Where a token holds, or what it lets register. */
function reachText({ kind, namespaces, scope, uses = 0 }: Token): string {
  if (kind !== 'registration') return (namespaces ?? [everyNamespace]).join(' ')
  if (scope === undefined || scope === null) return `any runner, ${uses} so far`
  const parts = [
    ['groups', scope.runner_groups],
    ['capabilities', scope.capabilities],
    ['names', scope.names === undefined ? undefined : [scope.names]],
    ['metadata', scope.metadata_keys],
  ] as const
  const limits = parts.flatMap(([word, allowed]) =>
    allowed === undefined ? [] : `${word} ${allowed.join(' ')}`,
  )
  return [...limits, `${uses} of ${scope.uses ?? 'any number of'} runners`].join('; ')
}

/** Finds the id that a text means: the id itself, or its beginning. */
async function findToken(client: Client, which: string): Promise<Result<string, ClientFailure>> {
  if (isId(which)) return ok(which)
  const tokens = await collectPages(page => client.call('listTokens', { query: page }))
  if (!tokens.ok) return tokens
  const found = withBeginning(tokens.value, which, ({ kind, name }) => `${kind} ${name}`)
  if (!found.ok) return found
  if (found.value !== undefined) return ok(found.value.id)
  const message =
    `there is no token ${shown(which)}: ` +
    'it goes by 8 characters of its id or more; `runner token list` has the ids'
  return fail({ reason: 'not-found', status: 404, message })
}

/** Revokes a token: connections that it has opened end within 5 s. */
function revokeToken(options: ConnectOptions, which: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const found = await findToken(client, which)
    if (!found.ok) return sayFailure(found.failure)
    const id = found.value
    const revoked = await client.call('revokeToken', { params: { id } })
    if (!revoked.ok) return sayFailure(revoked.failure)
    if (options.json) printJson({ revoked: id })
    else if (!options.quiet) sayError(`runner: token ${id} is revoked\n`)
    return exitStatus.ok
  })
}

const create = defineServerCommand({
  description: 'make a token; its text is shown this one time',
  options: createOptions,
  examples: [
    'runner token create submitter ci --namespace team-a --out ci.token',
    "runner token create registration rack-7 --group dev --names 'rack7-*' " +
      '--expires-in 1h --out rack-7.token',
    'runner token create viewer grafana --all-namespaces',
  ],
  action: (options, words, env) => createToken(options, words, env),
})

const list = defineServerCommand({
  description: 'list the tokens, without their texts',
  options: command => command,
  examples: ['runner token list'],
  action: (options, _, env) => listTokens(options, env),
})

const revoke = defineServerCommand({
  description: 'revoke a token; connections that it opened end within 5 s',
  options: command => command.argument('<token>', 'its id, or the first 8 characters of it or more'),
  examples: ['runner token revoke 0199f3c2-81aa'],
  action: (options, [id], env) => revokeToken(options, id, env),
})

export const command = defineGroup({
  description: 'make tokens, list them, revoke them',
  own: 'list',
  commands: { create, list, revoke },
})
