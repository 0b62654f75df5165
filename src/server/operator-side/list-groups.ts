import type { Group } from '../../protocol/messages/groups.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { type Listed, listed } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { groupName, shownGroup } from '../views/group-view.ts'

/** All groups by name, in pages. */
export async function listGroups(tx: Reader, page: Page): Promise<Listed<Group>> {
  const { items, next } = await listed(page, page => tx.listGroups(page, unreadable), groupName)
  return { items: await Promise.all(items.map(row => shownGroup(tx, row))), next }
}
