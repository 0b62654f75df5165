import { pageLimit } from '../../../protocol/call.ts'
import { defined } from '../../../result.ts'
import type { Page } from '../../../store/filters.ts'

/** The page that a query asks for. */
export function pageOf({ limit = pageLimit, after }: { limit?: number; after?: string }): Page {
  return { limit, ...defined({ after }) }
}
