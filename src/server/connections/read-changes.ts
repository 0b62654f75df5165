import type { Reader } from '../../store/reader.ts'
import { PendingChanges } from './pending-changes.ts'

/** Commits that are read at once. */
const page = 500
/** Commits beyond which a reader is better off to look at everything anew. */
const mostCommits = 20_000

/**
 * Adds the changes after a number, and resolves to the number of the latest change. Undefined: the changes
 * cannot be told, since the number is of another history, the changes after it are no longer kept, or more
 * things than `most` have changed.
 */
export async function readChanges(
  tx: Reader,
  after: number,
  pending: PendingChanges,
  most: number,
): Promise<number | undefined> {
  let position = after
  for (let read = 0; read < mostCommits; read += page) {
    const rows = await tx.changesAfter(position, page)
    for (const row of rows) {
      const { changes } = row
      if (changes === null) return undefined
      // Between two commits, or between two changes of this one.
      const isKnown = row.after === position || row.number - changes.length < position
      if (!isKnown) return undefined
      pending.add(row, position)
      position = row.number
    }
    if (pending.size > most) return undefined
    if (rows.length < page) return position === (await tx.newestChange()) ? position : undefined
  }
  return undefined
}

/** The changes after a number, for one reader. */
export async function backlogAfter(
  tx: Reader,
  after: number,
  most: number,
): Promise<PendingChanges | undefined> {
  const pending = new PendingChanges()
  return (await readChanges(tx, after, pending, most)) === undefined ? undefined : pending
}
