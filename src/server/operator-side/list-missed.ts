import type { Missed } from '../../protocol/messages/schedules.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import { jobKey } from '../../store/rows.ts'
import type { Rights } from '../rules/rights.ts'
import { type Listed, listed } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { shownMissed } from '../views/schedule-view.ts'

/** The times that were not fired, of one job or of all jobs that may be seen, the latest first. */
export async function listMissed(
  tx: Reader,
  { namespaces, namespace }: Rights,
  job: string | undefined,
  page: Page,
): Promise<Listed<Missed>> {
  const filter = {
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(job === undefined ? {} : { job: jobKey({ namespace, name: job }) }),
  }
  const { items, next } = await listed(
    page,
    page => tx.listMissed(filter, page, unreadable),
    ({ id }) => id,
  )
  return { items: await Promise.all(items.map(shownMissed)), next }
}
