/* The page of all calls and the roles that may make them, written from the table of calls. */
import { callNames, specOf } from '../src/protocol/api.ts'
import type { CallSpec } from '../src/protocol/call.ts'
import { type TokenKind, tokenKinds } from '../src/protocol/messages/token-kinds.ts'

/** The extent to which a role may make a call. */
export type Right =
  /** Refused, whatever it is about. */
  | 'no'
  /** No token is needed. */
  | 'open'
  | 'yes'
  /** Only what is in the namespaces of the token. */
  | 'namespaces'
  /** Of that, only the executions that this token has asked for. */
  | 'asked for'
  /** Only with a token for all namespaces. */
  | 'all'
  /** Only what belongs to the caller. */
  | 'own'

/** The right of a role to a call. */
export function rightOf({ access, reach }: CallSpec, kind: TokenKind): Right {
  if (access.includes('open')) return 'open'
  if (!access.includes(kind)) return 'no'
  if (reach === 'own') return 'own'
  if (kind === 'admin' || reach === 'fleet') return 'yes'
  if (reach === 'all') return 'all'
  return kind === 'submitter' && reach !== 'name' ? 'asked for' : 'namespaces'
}

const words: Record<Right, string> = {
  no: '',
  open: 'yes',
  yes: 'yes',
  namespaces: 'in its namespaces',
  'asked for': 'what it has asked for',
  all: 'for all namespaces',
  own: 'its own',
}

/** The whole page, in Markdown. */
export function rightsPage(): string {
  const rows = callNames.map(name => {
    const spec = specOf(name)
    const cells = tokenKinds.map(kind => words[rightOf(spec, kind)])
    return `| \`${spec.method} ${spec.path}\` | ${cells.join(' | ')} |`
  })
  return `# Calls and roles

This page has each call of [the API](openapi.json), and the rights of each role. It is generated from the table by which the
server checks calls. A test makes every call with every role, in a namespace of the token, in another one and in none.

- *yes*: without a limit.
- *in its namespaces*: only jobs and executions in the namespaces of the token. The server refuses another namespace with 403
  \`wrong-namespace\`; it does not find an execution there (404).
- *what it has asked for*: of these, only the executions that this token has asked for.
- *for all namespaces*: only with a token for all namespaces (\`runner token create … --all-namespaces\`), because runners
  and groups are in none.
- *its own*: only what belongs to the caller: a runner's registration, its executions, or the token itself.
- An empty cell: 403 \`wrong-token-kind\`.

| call | ${tokenKinds.join(' | ')} |
| --- |${' --- |'.repeat(tokenKinds.length)}
${rows.join('\n')}
`
}
