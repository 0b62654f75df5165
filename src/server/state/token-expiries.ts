import type { Store } from '../../store/store.ts'
import { all } from './pages.ts'
import { unreadable } from './unreadable.ts'

/** The next expiry of a token of each kind, in milliseconds; runners' own are left out. */
export async function soonestExpiries(store: Store): Promise<Map<string, number>> {
  const now = await store.read(async tx => tx.now)
  const soonest = new Map<string, number>()
  for await (const row of all(page => store.read(tx => tx.listTokens(page, unreadable)))) {
    if ('unreadable' in row || row.expires_at === null || row.expires_at <= now) continue
    soonest.set(row.kind, Math.min(soonest.get(row.kind) ?? Number.POSITIVE_INFINITY, row.expires_at))
  }
  return soonest
}
