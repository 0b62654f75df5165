import type { Runner } from '../../protocol/messages/runners.ts'
import { defined } from '../../result.ts'
import type { Page } from '../../store/filters.ts'
import type { Reader } from '../../store/reader.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { type Listed, listed } from '../state/pages.ts'
import { type UnreadableRow, unreadable } from '../state/unreadable.ts'
import { runnerViews } from '../views/runner-view.ts'

/** Which runners are asked for; each that is named has to fit. */
export interface RunnerFilter {
  group?: string | undefined
  /** Values by key; those that runners have said of themselves. */
  metadata?: Readonly<Record<string, string>> | undefined
}

/** Runners in pages, the oldest first. */
export async function listRunners(
  tx: Reader,
  ctx: Context,
  page: Page,
  { group, metadata = {} }: RunnerFilter = {},
): Promise<Listed<Runner>> {
  const wanted = Object.entries(metadata)
  const rows = (page: Page) =>
    group === undefined ? tx.listRunners(page, unreadable) : runnersIn(tx, group, page)
  const { items, next } = await listed(
    page,
    page => (wanted.length === 0 ? rows(page) : matching(page, rows, row => saysAll(row, wanted))),
    row => row.id,
  )
  return { items: await runnerViews(tx, ctx, items), next }
}

type Row = RunnerRow | UnreadableRow

/** Reads on until a page is full of rows that match: no column has what runners say of themselves. */
async function matching(
  page: Page,
  rows: (page: Page) => Promise<Row[]>,
  matches: (row: Row) => boolean,
): Promise<Row[]> {
  const found: Row[] = []
  for (let after = page.after; ; ) {
    const part = await rows({ limit: readAtOnce, ...defined({ after }) })
    found.push(...part.filter(matches))
    if (part.length < readAtOnce || found.length >= page.limit) return found.slice(0, page.limit)
    after = part.at(-1)!.id
  }
}

/** Rows that are read at once where most may not match. */
const readAtOnce = 1000

/** A row that cannot be read matches nothing. */
const saysAll = (row: Row, wanted: readonly (readonly [string, string])[]) =>
  'said' in row &&
  wanted.every(([key, value]) => Object.hasOwn(row.said.metadata, key) && row.said.metadata[key] === value)

async function runnersIn(tx: Reader, group: string, { limit, after }: Page): Promise<RunnerRow[]> {
  const runners = (await tx.runnersOf(group))
    .filter(row => groupOf(row) === group)
    .sort((one, other) => one.created_at - other.created_at || (one.id < other.id ? -1 : 1))
  const start = after === undefined ? 0 : runners.findIndex(row => row.id === after) + 1
  return start === 0 && after !== undefined ? [] : runners.slice(start, start + limit)
}
