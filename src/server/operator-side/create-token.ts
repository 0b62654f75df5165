import type { Token, TokenCreate } from '../../protocol/messages/tokens.ts'
import { ok, type Result } from '../../result.ts'
import { defaultNamespace } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { newToken } from '../state/new-token.ts'
import { tokenView } from '../views/token-view.ts'

/** Makes a token for an operator, or for runners to register with. */
export async function createToken(
  tx: Writer,
  ctx: Context,
  given: TokenCreate,
): Promise<Result<Token & { token: string }, Refusal>> {
  const { kind, name, scope } = given
  const expiry = expiryOf(given, tx.now)
  if (!expiry.ok) return expiry
  const namespaces = namespacesFor(given)
  if (!namespaces.ok) return namespaces
  if (scope !== undefined && kind !== 'registration')
    return refuse('malformed', `/scope belongs to a registration token, and /kind is ${kind}`)
  const { row, text } = newToken(tx, ctx, {
    kind,
    name,
    expires_at: expiry.value,
    namespaces: namespaces.value,
    scope: scope ?? null,
  })
  return ok({ ...tokenView(row), token: text })
}

/** The time at which the token expires, by the store's clock; null: never. */
function expiryOf(
  { expires_in_seconds, expires_at }: TokenCreate,
  now: number,
): Result<number | null, Refusal> {
  if (expires_at === undefined)
    return ok(expires_in_seconds === undefined ? null : now + Math.round(expires_in_seconds * 1000))
  if (expires_in_seconds !== undefined)
    return refuse('malformed', 'give /expires_at or /expires_in_seconds, not both')
  const time = Date.parse(expires_at)
  if (Number.isNaN(time)) return refuse('malformed', '/expires_at is not a time')
  return time > now ? ok(time) : refuse('malformed', '/expires_at has passed')
}

/** Kinds that hold in namespaces; a token that names none holds in the default one alone. */
function namespacesFor({ kind, namespaces }: TokenCreate): Result<string[] | null, Refusal> {
  if (kind !== 'admin' && kind !== 'registration') return ok(namespaces ?? [defaultNamespace])
  if (namespaces === undefined) return ok(null)
  return refuse(
    'malformed',
    kind === 'admin'
      ? '/namespaces: a token of kind admin holds in all of them'
      : '/namespaces: runners are in none; /scope says what a registration token allows',
  )
}
