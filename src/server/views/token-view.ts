import { everyNamespace } from '../../protocol/messages/token-kinds.ts'
import type { Token } from '../../protocol/messages/tokens.ts'
import { defined } from '../../result.ts'
import type { TokenRow } from '../../store/rows.ts'
import { time, timeOrNull } from '../rules/times.ts'
import type { UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

/** A token, or what is shown of one that cannot be read. */
export function shownToken(row: TokenRow | UnreadableRow): Promise<Token> {
  return showRow<TokenRow, Token>(row, tokenView, problem => unreadableToken(row.id, problem))
}

/** The view of a token that cannot be read: it is not valid, and can be revoked. */
function unreadableToken(id: string, problem: string): Token {
  const never = { created_at: time(0), expires_at: time(0), last_used_at: null, runner_id: null }
  const nothing = { namespaces: [], scope: null, uses: 0 }
  return { id, kind: 'viewer', name: 'unreadable', ...never, ...nothing, problem }
}

/** A token as operators see it. */
export function tokenView(row: TokenRow): Token {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    created_at: time(row.created_at),
    expires_at: timeOrNull(row.expires_at),
    last_used_at: timeOrNull(row.last_used_at),
    runner_id: row.runner_id,
    namespaces: namespacesOf(row),
    scope: row.scope,
    uses: row.uses,
    ...defined({ made_by_release: row.watched_at === 0 ? '0.1.0' : undefined }),
  }
}

/** Where a token holds; one of release 0.1.0 for all namespaces. */
function namespacesOf({ kind, namespaces }: TokenRow): string[] | null {
  if (kind === 'registration' || kind === 'runner') return null
  return namespaces ?? [everyNamespace]
}
