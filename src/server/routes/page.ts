import type { Page } from '../store/store.ts'

/** The page that a query asks for; `limit` has its default from the schema. */
export function pageOf(query: Record<string, unknown>): Page {
  const { limit, after } = query as { limit: number; after?: string }
  return { limit, ...(after === undefined ? {} : { after }) }
}
