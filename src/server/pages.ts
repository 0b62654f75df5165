import { StoreFailure } from './store/failure.ts'
import type { Page } from './store/store.ts'

/** A part of a list, as messages have it. */
export interface Listed<T> {
  items: T[]
  /** The value for `after` of the next page; null after the last. */
  next: string | null
}

/** What stands for a row that cannot be read. */
export interface UnreadableRow {
  id: string
  unreadable: true
}

export const unreadable = (id: string): UnreadableRow => ({ id, unreadable: true })

/** A row by its id, or what stands for it where it cannot be read. */
export async function readable<Row>(
  row: Promise<Row | undefined>,
  id: string,
): Promise<Row | UnreadableRow | undefined> {
  return row.catch(error => {
    failUnlessDamaged(error)
    return unreadable(id)
  })
}

/** What is shown of a row: of one that is damaged `instead`, with why. */
export async function shown<Row extends object, View>(
  row: Row | UnreadableRow,
  view: (row: Row) => View | Promise<View>,
  instead: (problem: string) => View,
): Promise<View> {
  if ('unreadable' in row) return instead(`its row in the store cannot be read${whatToDo}`)
  try {
    return await view(row)
  } catch (error) {
    failUnlessDamaged(error)
    return instead(`what the store has of it cannot be shown${whatToDo}`)
  }
}

export const whatToDo = '; a backup of the store may have it whole'

/** A store that does not answer is another matter than one that gives what nobody can read. */
export function failUnlessDamaged(error: unknown): void {
  if (error instanceof StoreFailure && error.reason !== 'damaged') throw error
}

/** A page of rows, with the key of its last where there are more: asks for one row too many. */
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
