import { hash, randomBytes } from 'node:crypto'
import type { Token, TokenCreate, TokenKind } from '../protocol/messages.ts'
import { ok, type Result } from '../result.ts'
import { type Context, newId } from './context.ts'
import { all, type Listed, listed, shown, type UnreadableRow, unreadable } from './pages.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { Page, Reader, TokenRow, Writer } from './store/store.ts'
import { time, timeOrNull } from './times.ts'

/** A token's row, and its text, which the store never sees. */
export interface NewToken {
  row: TokenRow
  text: string
}

/** Makes a token that is in force when the writer is done. */
export function newToken(
  tx: Writer,
  ctx: Context,
  of: { kind: TokenKind; name: string } & Partial<Pick<TokenRow, 'expires_at' | 'runner_id' | 'session'>>,
): NewToken {
  const text = `rnr_${of.kind}_${randomBytes(32).toString('base64url')}`
  const row: TokenRow = {
    id: newId(ctx.chance, tx.now),
    hash: hash('sha256', text),
    created_at: tx.now,
    watched_at: tx.watched,
    expires_at: null,
    last_used_at: null,
    runner_id: null,
    session: null,
    ...of,
  }
  tx.putToken(row)
  return { row, text }
}

/** Makes a token for an operator, or for runners to register with. */
export async function createToken(
  tx: Writer,
  ctx: Context,
  { kind, name, expires_in_seconds }: TokenCreate,
): Promise<Result<Token & { token: string }, Refusal>> {
  const expires_at = expires_in_seconds === undefined ? null : tx.now + Math.round(expires_in_seconds * 1000)
  const { row, text } = newToken(tx, ctx, { kind, name, expires_at })
  return ok({ ...tokenView(row), token: text })
}

/** Ends a token; what it has open is closed by those who hear of it. */
export async function revokeToken(tx: Writer, _ctx: Context, id: string): Promise<Result<void, Refusal>> {
  if (!(await tx.deleteToken(id))) return refuse('not-found', 'there is no token with this id')
  tx.notify({ about: 'tokens' })
  return ok(undefined)
}

/**
 * The tokens that a start of the server has to make: an admin's and one for registrations at the first start; later
 * an admin's where none is valid any more, so that nobody is locked out for ever. Whoever calls this keeps the texts
 * before the writer is done: then a crash between the two leaves no token that nobody knows.
 */
export async function firstTokens(
  tx: Writer,
  ctx: Context,
): Promise<{ admin?: string; registration?: string }> {
  const first = (await tx.meta(firstTokensKey)) === undefined
  if (!first && (await hasAdmin(tx))) return {}
  tx.setMeta(firstTokensKey, 'made')
  const make = (kind: TokenKind) => newToken(tx, ctx, { kind, name: 'made at the start of the server' }).text
  return { admin: make('admin'), ...(first && { registration: make('registration') }) }
}

const firstTokensKey = 'first-tokens'

async function hasAdmin(tx: Reader): Promise<boolean> {
  for await (const token of all(page => tx.listTokens(page, unreadable)))
    if (!('unreadable' in token) && token.kind === 'admin' && (token.expires_at ?? Infinity) > tx.now)
      return true
  return false
}

/** Tokens in pages, the oldest first, without those of runners. */
export async function listTokens(tx: Reader, page: Page): Promise<Listed<Token>> {
  const { items, next } = await listed(
    page,
    page => tx.listTokens(page, unreadable),
    row => row.id,
  )
  const view = (row: TokenRow | UnreadableRow) =>
    shown<TokenRow, Token>(row, tokenView, problem => unreadableToken(row.id, problem))
  return { items: await Promise.all(items.map(view)), next }
}

/** A token that is not valid for anybody, as nothing is known of it; it can be revoked. */
function unreadableToken(id: string, problem: string): Token {
  const never = { created_at: time(0), expires_at: time(0), last_used_at: null, runner_id: null }
  return { id, kind: 'viewer', name: 'unreadable', ...never, problem }
}

/** What operators see of a token. */
export function tokenView(row: TokenRow): Token {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    created_at: time(row.created_at),
    expires_at: timeOrNull(row.expires_at),
    last_used_at: timeOrNull(row.last_used_at),
    runner_id: row.runner_id,
  }
}
