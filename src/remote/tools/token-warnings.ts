/*
 * Tokens that allow more than they should, those of release 0.1.0 above all, which knew neither namespaces
 * nor scopes nor an expiry of runners. Each warning names the commands that fix it. Pure functions.
 */
import type { Runner } from '../../protocol/messages/runners.ts'
import { everyNamespace } from '../../protocol/messages/token-kinds.ts'
import type { Token } from '../../protocol/messages/tokens.ts'
import { shellQuote } from '../../system/shell-quote.ts'

/** Names that a warning lists at most. */
const mostNames = 10

/** The warnings of an administrator: about tokens that are valid now, and about runners. */
export function tokenWarnings(tokens: readonly Token[], runners: readonly Runner[], now: Date): string[] {
  const isValid = ({ expires_at }: Token) => expires_at === null || Date.parse(expires_at) > now.getTime()
  const warnings = tokens.filter(isValid).flatMap(token => {
    const warning = registrationWarning(token) ?? adminWarning(token) ?? viewerWarning(token)
    return warning ?? []
  })
  const lasting = runners.filter(
    ({ deleted, session, credentials_expire_at }) =>
      !deleted && session > 0 && credentials_expire_at === null,
  )
  return lasting.length === 0 ? warnings : [...warnings, runnersWarning(lasting)]
}

/** Why whoever reads a registration token could register too much with it; undefined: it is narrow. */
export function registrationWarning(token: Token): string | undefined {
  const { kind, id, name, expires_at, scope, uses = 0 } = token
  if (kind !== 'registration') return undefined
  const faults = [
    ...(scope == null ? ['is for runners of any name, group and capability'] : []),
    ...(expires_at === null && scope?.uses === undefined
      ? ['does not expire, and is for any number of runners']
      : []),
  ]
  if (faults.length === 0) return undefined
  const shared = uses > 1 ? ` (${uses} have registered with it: give each a token of its own)` : ''
  const made =
    `token create registration ${shellQuote(name)} ` +
    '--group GROUP --names PATTERN --uses 1 --expires-in 1h --out FILE'
  return (
    `the registration token ${name} ${faults.join(', ')}${shared}: ` +
    `${replacedBy(made, id)}; runners that have registered stay as they are`
  )
}

/** In release 0.1.0 whatever ran a job needed an administrator's token. */
function adminWarning({ kind, id, name, made_by_release }: Token): string | undefined {
  if (kind !== 'admin' || made_by_release === undefined) return undefined
  const made = `token create admin ${shellQuote(name)} --out FILE`
  return (
    `the token ${name} may do everything, ` +
    `and is of release ${made_by_release}, in which CI needed such a token to run a job: ` +
    'give CI one of `runner token create submitter NAME --namespace NAMESPACE --out FILE`, ' +
    `or an operator where it defines jobs; where an administrator has it, ${replacedBy(made, id)}`
  )
}

/** In release 0.1.0 there were no namespaces. */
function viewerWarning({ kind, id, name, made_by_release, namespaces }: Token): string | undefined {
  if (kind !== 'viewer' || made_by_release === undefined || !namespaces?.includes(everyNamespace))
    return undefined
  const made = `token create viewer ${shellQuote(name)} --namespace NAMESPACE --out FILE`
  return `the token ${name} of release ${made_by_release} sees all namespaces: ${replacedBy(made, id)}`
}

const replacedBy = (made: string, id: string): string =>
  `replace it by one of \`runner ${made}\`, and revoke it by \`runner token revoke ${id}\``

function runnersWarning(runners: readonly Runner[]): string {
  const names = runners.slice(0, mostNames).map(({ name }) => name)
  const more = runners.length > mostNames ? ` and ${runners.length - mostNames} more` : ''
  return (
    `the tokens of these runners do not expire: ${names.join(', ')}${more}; ` +
    'an older release has registered them: install this one there and restart `runner attach`, ' +
    'or delete those that are gone by `runner node delete NAME`; ' +
    'with credentials_days = 0 in [server] no token of a runner expires'
  )
}
