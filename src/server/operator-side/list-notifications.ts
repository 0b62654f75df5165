import type { Notification } from '../../protocol/messages/notifications.ts'
import type { NoticeState } from '../../protocol/states.ts'
import { defined } from '../../result.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { Rights } from '../rules/rights.ts'
import { type Listed, listed } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { shownNotification } from '../views/notification-view.ts'

/** Notifications in pages, the latest first, of the namespaces that the caller may see. */
export async function listNotifications(
  tx: Reader,
  { namespaces }: Rights,
  { state, to }: { state?: NoticeState | undefined; to?: string | undefined },
  page: Page,
): Promise<Listed<Notification>> {
  const filter = defined({ namespaces, target: to, states: state && [state] })
  const { items, next } = await listed(
    page,
    page => tx.listNotices(filter, page, unreadable),
    row => row.id,
  )
  return { items: await Promise.all(items.map(row => shownNotification(row, tx))), next }
}
