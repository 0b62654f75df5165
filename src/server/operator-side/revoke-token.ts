import { ok, type Result } from '../../result.ts'
import type { Writer } from '../../store/writer.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'

/** Deletes a token; the notice of that closes its open calls (connections/revoke.ts). */
export async function revokeToken(tx: Writer, id: string): Promise<Result<void, Refusal>> {
  if (!(await tx.deleteToken(id))) return refuse('not-found', 'there is no token with this id')
  // Browsers that have signed in with it are signed out.
  await tx.keepBrowsers(id, 0)
  tx.notify({ about: 'tokens' })
  return ok(undefined)
}
