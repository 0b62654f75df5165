import { isUnreadable, StoreFailure, type UnreadableReason } from '../../store/failure.ts'

/** The stand-in for a row that cannot be read. */
export interface UnreadableRow {
  id: string
  unreadable: UnreadableReason
}

export const unreadable = (id: string, reason: UnreadableReason): UnreadableRow => ({
  id,
  unreadable: reason,
})

/** A row by its id, or its stand-in where it cannot be read. */
export async function readable<Row>(
  row: Promise<Row | undefined>,
  id: string,
): Promise<Row | UnreadableRow | undefined> {
  return row.catch(error => {
    if (!isUnreadable(error)) throw error
    return unreadable(id, error.reason)
  })
}

/**
 * A row by its id; undefined also where it cannot be read. For changes of one row that look at another one: a
 * damaged row must not hold up the others.
 */
export async function ifReadable<Row>(row: Promise<Row | undefined>): Promise<Row | undefined> {
  return row.catch(error => {
    if (!isUnreadable(error)) throw error
    return undefined
  })
}

/** A store that does not answer is an outage, not a damaged row. */
export function failUnlessDamaged(error: unknown): void {
  if (error instanceof StoreFailure && !isUnreadable(error)) throw error
}
