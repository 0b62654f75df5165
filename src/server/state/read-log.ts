import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow, LogRow } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import { hasEnded } from '../rules/transitions.ts'

/** Bytes of a log that are read at once. */
const piece = 64 * 1024

/** A part of a log: bytes that are kept, or how many were dropped. */
export type LogPart = { offset: number; next: number } & ({ bytes: Buffer } | { dropped: number })

/** The notice in a log in place of the bytes that are not kept. */
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
  // These bytes were dropped after the row was read.
  if (bytes.length === 0) return undefined
  return { offset, next: offset + bytes.length, bytes }
}

/**
 * A log from an offset to its end when the call began, with a notice in place of dropped bytes. A slow reader
 * gets nothing that is written later: the token of the call may be revoked meanwhile.
 */
export async function* logText(store: Pick<Store, 'read'>, id: string, from: number): AsyncGenerator<Buffer> {
  let end: number | undefined
  let missing = -1
  for (let offset = from; ; ) {
    const { part, length } = await store.read(async tx => {
      const log = await tx.log(id)
      return { part: log && (await logPart(tx, log, offset)), length: log?.length ?? 0 }
    })
    end ??= length
    if (offset >= end) return
    if (part === undefined) {
      // The next look finds a notice in place of bytes that were dropped after the row was read. Bytes that a
      // damaged store has lost are not there then either.
      if (missing === offset) return
      missing = offset
      continue
    }
    yield 'bytes' in part ? part.bytes.subarray(0, end - offset) : Buffer.from(droppedNotice(part.dropped))
    offset = part.next
  }
}

/**
 * At most `most` bytes of a log, from the first kept one at or after an offset. `length` is that of the whole
 * log; `head` is the number of kept bytes at its beginning, if others have been dropped. There are no bytes
 * if the log ends, for now, at that offset or before it.
 */
export async function logRange(
  store: Pick<Store, 'read'>,
  id: string,
  from: number,
  most: number,
): Promise<{ offset: number; bytes: Buffer; length: number; head: number | null }> {
  const read = () =>
    store.read(async tx => {
      const { length = 0, head = null, tail = null } = (await tx.log(id)) ?? {}
      const isKept = head === null || tail === null || from < head || from >= tail
      const offset = isKept ? from : tail
      const end = head !== null && offset < head ? head : length
      const bytes =
        offset < end ? await tx.readLog(id, offset, Math.min(most, end - offset)) : Buffer.alloc(0)
      return { offset, bytes, length, head }
    })
  const range = await read()
  // Bytes that were dropped after the row was read: a second look finds those behind them.
  return range.bytes.length === 0 && range.offset < range.length ? read() : range
}

/**
 * Milliseconds for which more of a log may come: 0 where the execution has ended and its log is whole, or the
 * wait for it is over; Infinity while the execution has not ended.
 */
export function moreWithin(
  execution: ExecutionRow,
  log: LogRow | undefined,
  now: number,
  wait: number,
): number {
  const { finished_at } = execution
  if (!hasEnded(execution) || finished_at === null) return Number.POSITIVE_INFINITY
  if (log === undefined || log.final_length === null || log.length >= log.final_length) return 0
  // A clock that has been set back must not make the wait longer.
  return Math.min(wait, Math.max(0, finished_at + wait - now))
}
