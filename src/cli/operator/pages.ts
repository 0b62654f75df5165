import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import { defined, ok, type Result } from '../../result.ts'

/** The most items that the server puts into a page. */
export const longestPage = 1000

/** Reads page after page, until there are `most` items or no more. */
export async function collectPages<T>(
  read: (page: {
    limit: number
    after?: string
  }) => Promise<Result<{ items: T[]; next: string | null }, ClientFailure>>,
  most = Number.POSITIVE_INFINITY,
): Promise<Result<T[], ClientFailure>> {
  const all: T[] = []
  let after: string | undefined
  do {
    const limit = Math.min(longestPage, most - all.length)
    const page = await read({ limit, ...defined({ after }) })
    if (!page.ok) return page
    all.push(...page.value.items)
    // An empty page is taken for the last, so that a faulty server cannot keep the loop going.
    after = page.value.items.length === 0 ? undefined : (page.value.next ?? undefined)
  } while (after !== undefined && all.length < most)
  return ok(all)
}
