import type { AuditList } from '../../protocol/messages/audit.ts'
import { ok, type Result } from '../../result.ts'
import type { AuditFilter } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { unreadable } from '../state/unreadable.ts'
import { auditView } from '../views/audit-view.ts'

/** Entries that one page of a search looks at: a search through years must not keep others waiting. */
const mostLookedAt = 20_000

/** A search of the audit log, as a query asks for it. */
export interface AuditSearch extends Pick<AuditFilter, 'token' | 'call' | 'namespace' | 'object'> {
  since?: string
  until?: string
}

/** A page of the audit log, the latest entries first. */
export async function listAudit(
  tx: Reader,
  ctx: Context,
  { since, until, ...search }: AuditSearch,
  { limit, after }: { limit: number; after?: string },
): Promise<Result<AuditList, Refusal>> {
  if (after !== undefined && !/^\d{1,15}$/.test(after))
    return refuse('malformed', 'after is not the next of a page')
  const times: Pick<AuditFilter, 'since' | 'until'> = {}
  for (const [name, text] of Object.entries({ since, until })) {
    if (text === undefined) continue
    const at = Date.parse(text)
    if (Number.isNaN(at)) return refuse('malformed', `${name} is not a time`)
    times[name as 'since' | 'until'] = at
  }
  const { begins, ends } = await tx.auditEnds()
  const below = after === undefined ? ends.number + 1 : Number(after)
  const first = times.since === undefined ? begins.number + 1 : await tx.auditSince(times.since)
  const lowest = first ?? below
  const searches = until !== undefined || Object.values(search).some(value => value !== undefined)
  const from = searches ? Math.max(lowest, below - mostLookedAt) : lowest
  const rows = await tx.listAudit({ ...search, ...times }, { from, below, limit: limit + 1 }, unreadable)
  const items = await Promise.all(rows.slice(0, limit).map(row => auditView(row, ctx)))
  const next = rows.length > limit ? items.at(-1)!.number : from > lowest ? from : undefined
  return ok({ items, next: next === undefined ? null : String(next), begins, ends })
}
