import { hash, randomBytes } from 'node:crypto'
import type { TokenKind } from '../../protocol/messages/token-kinds.ts'
import { emptyToken, type TokenRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { type Context, newId } from '../rules/context.ts'

/** The row of a token, and its text, which is never stored. */
export interface NewToken {
  row: TokenRow
  text: string
}

/** Makes a token that is in force when the writer is done. */
export function newToken(
  tx: Writer,
  ctx: Context,
  of: { kind: TokenKind; name: string } & Partial<
    Pick<TokenRow, 'expires_at' | 'runner_id' | 'session' | 'namespaces' | 'scope'>
  >,
): NewToken {
  const text = `rnr_${of.kind}_${randomBytes(32).toString('base64url')}`
  const row: TokenRow = {
    ...emptyToken,
    id: newId(ctx.chance, tx.now),
    hash: hash('sha256', text),
    created_at: tx.now,
    watched_at: tx.watched,
    ...of,
  }
  tx.putToken(row)
  return { row, text }
}
