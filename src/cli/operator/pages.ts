import type { ClientFailure } from '../../protocol/client-failure.ts'
import { ok, type Result } from '../../result.ts'

/** The most that a page may have. */
const pageLimit = 1000

/** Reads page after page, until there are `most` items or no more. */
export async function collect<T>(
  read: (page: {
    limit: number
    after?: string
  }) => Promise<Result<{ items: T[]; next: string | null }, ClientFailure>>,
  most = Number.POSITIVE_INFINITY,
): Promise<Result<T[], ClientFailure>> {
  const all: T[] = []
  let after: string | undefined
  do {
    const limit = Math.min(pageLimit, most - all.length)
    const page = await read({ limit, ...(after === undefined ? {} : { after }) })
    if (!page.ok) return page
    all.push(...page.value.items)
    // A page with nothing in it is the last: a server that names one more for ever is not asked for ever.
    after = page.value.items.length === 0 ? undefined : (page.value.next ?? undefined)
  } while (after !== undefined && all.length < most)
  return ok(all)
}
