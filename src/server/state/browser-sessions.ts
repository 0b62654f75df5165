/* Signs browsers in and out, and gives codes for that. */
import {
  type BrowserSessionRow,
  type BrowserUser,
  codeLasts,
  emptyBrowserSession,
} from '../../store/browser-rows.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { WatchedTime } from '../../store/watched-time.ts'
import type { Writer } from '../../store/writer.ts'
import { type Context, newId } from '../rules/context.ts'
import { time } from '../rules/times.ts'

/** Sessions of one token or person, and codes of one token, that are kept: the latest ones. */
const mostOfOne = 500

/** The hashes of the secrets of a new session. */
export type SessionHashes = Pick<BrowserSessionRow, 'hash' | 'key_hash' | 'secure'>

/** Opens a session with the rights of a token or a person. */
export async function openBrowserSession(
  tx: Writer,
  ctx: Context,
  of: { token: TokenRow } | { user: BrowserUser; id_token: string | null },
  hashes: SessionHashes,
): Promise<BrowserSessionRow> {
  const session: BrowserSessionRow = {
    ...emptyBrowserSession,
    id: newId(ctx.chance, tx.now),
    ...hashes,
    created_at: tx.now,
    watched_at: tx.watched,
    used_at: tx.now,
    used_watched_at: tx.watched,
    ...('token' in of ? { token_id: of.token.id } : { user: of.user, id_token: of.id_token }),
  }
  tx.putBrowserSession(session)
  await tx.keepBrowsers('token' in of ? of.token.id : of.user.id, mostOfOne)
  return session
}

/** The token behind a code, which this uses up; undefined: the code was never good, or is used or too old. */
export async function useBrowserCode(
  tx: Writer,
  watch: Pick<WatchedTime, 'isExpired'>,
  hash: string,
): Promise<TokenRow | undefined> {
  const code = await tx.browserCodeByHash(hash)
  if (code === undefined) return undefined
  const { created_at, watched_at } = code
  if (watch.isExpired({ expires_at: created_at + codeLasts, watched_at })) return undefined
  const token = await tx.token(code.token_id)
  if (token !== undefined) await tx.deleteBrowserCode(code.id)
  return token
}

/** Keeps a code for a token, by the hash of the code; gives the end of its time. */
export async function createBrowserCode(
  tx: Writer,
  ctx: Context,
  token: TokenRow,
  hash: string,
): Promise<{ expires_at: string }> {
  const { now: created_at, watched: watched_at } = tx
  tx.putBrowserCode({ id: newId(ctx.chance, tx.now), hash, token_id: token.id, created_at, watched_at })
  await tx.keepBrowsers(token.id, mostOfOne)
  return { expires_at: time(created_at + codeLasts) }
}

/** Ends a session, if it exists; the notice about it closes its open calls. */
export async function endBrowserSession(tx: Writer, id: string): Promise<boolean> {
  const isThere = await tx.deleteBrowserSession(id)
  if (isThere) tx.notify({ about: 'browsers' })
  return isThere
}
