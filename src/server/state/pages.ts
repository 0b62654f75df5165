import type { Page } from '../../store/filters.ts'

/** A part of a list, as messages have it. */
export interface Listed<T> {
  items: T[]
  /** The value for `after` of the next page; null after the last. */
  next: string | null
}

/**
 * A page of rows, with the key of its last row where there are more: it reads one row too many to know that.
 */
export async function listed<Row>(
  { limit, ...page }: Page,
  rows: (page: Page) => Promise<Row[]>,
  keyOf: (row: Row) => string,
): Promise<Listed<Row>> {
  const found = await rows({ ...page, limit: limit + 1 })
  const items = found.slice(0, limit)
  return { items, next: found.length > limit ? keyOf(items.at(-1)!) : null }
}

/** Every row of a list of rows with ids. */
export async function* all<Row extends { id: string }>(
  rows: (page: Page) => Promise<Row[]>,
): AsyncGenerator<Row> {
  let page: Page = { limit: 1000 }
  for (;;) {
    const { items, next } = await listed(page, rows, row => row.id)
    yield* items
    if (next === null) return
    page = { limit: 1000, after: next }
  }
}
