import type { Runner } from '../../protocol/messages/runners.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { type Listed, listed } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { runnerViews } from '../views/runner-view.ts'

/** Runners in pages, the oldest first; those of one group where one is named. */
export async function listRunners(
  tx: Reader,
  ctx: Context,
  page: Page,
  group?: string,
): Promise<Listed<Runner>> {
  const { items, next } = await listed(
    page,
    page => (group === undefined ? tx.listRunners(page, unreadable) : runnersIn(tx, group, page)),
    row => row.id,
  )
  return { items: await runnerViews(tx, ctx, items), next }
}

async function runnersIn(tx: Reader, group: string, { limit, after }: Page): Promise<RunnerRow[]> {
  const runners = (await tx.runnersOf(group))
    .filter(row => groupOf(row) === group)
    .sort((one, other) => one.created_at - other.created_at || (one.id < other.id ? -1 : 1))
  const start = after === undefined ? 0 : runners.findIndex(row => row.id === after) + 1
  return start === 0 && after !== undefined ? [] : runners.slice(start, start + limit)
}
