import type { Token } from '../../protocol/messages/tokens.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type Listed, listed } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { shownToken } from '../views/token-view.ts'

/** Tokens in pages, the oldest first, without those of runners. */
export async function listTokens(tx: Reader, page: Page): Promise<Listed<Token>> {
  const { items, next } = await listed(
    page,
    page => tx.listTokens(page, unreadable),
    row => row.id,
  )
  return { items: await Promise.all(items.map(shownToken)), next }
}
