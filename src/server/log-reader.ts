import { hasEnded } from './executions.ts'
import type { ExecutionRow, LogRow, Reader } from './store/store.ts'

/** Bytes of a log that are read at once. */
const piece = 64 * 1024

/** A part of a log: bytes that are kept, or how many were dropped. */
export type LogPart = { offset: number; next: number } & ({ bytes: Buffer } | { dropped: number })

/** What stands in a log for the bytes that are not kept. */
export const droppedNotice = (bytes: number): string =>
  `\n[runner: ${bytes} bytes of the log are left out here; log_limit says how much is kept]\n`

/** The part of a log at an offset; undefined where it ends for now. */
export async function logPart(tx: Reader, row: LogRow, offset: number): Promise<LogPart | undefined> {
  if (offset >= row.length) return undefined
  const { head, tail } = row
  if (head !== null && tail !== null && offset >= head && offset < tail)
    return { offset, next: tail, dropped: tail - offset }
  const end = head !== null && offset < head ? head : row.length
  const bytes = await tx.readLog(row.execution_id, offset, Math.min(piece, end - offset))
  // Dropped since the row was read.
  if (bytes.length === 0) return undefined
  return { offset, next: offset + bytes.length, bytes }
}

/**
 * Milliseconds for which more may come: none where the execution has ended and its log is whole, or has been waited
 * for long enough; Infinity as long as it has not ended.
 */
export function moreWithin(
  execution: ExecutionRow,
  log: LogRow | undefined,
  now: number,
  patience: number,
): number {
  const { finished_at } = execution
  if (!hasEnded(execution) || finished_at === null) return Number.POSITIVE_INFINITY
  if (log === undefined || log.final_length === null || log.length >= log.final_length) return 0
  // A clock that has gone back since is no reason to wait for longer.
  return Math.min(patience, Math.max(0, finished_at + patience - now))
}
