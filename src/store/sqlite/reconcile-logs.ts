import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../result.ts'
import { cutTimes } from '../log-times.ts'
import { decodeOr, encode } from '../row-encoding.ts'
import type { LogRow } from '../rows.ts'
import type { SqliteConnection } from './engine.ts'
import { isLogId, type Segments, segmentSize } from './log-segments.ts'

/**
 * Makes files and rows of logs agree, however the last server ended. Only incomplete logs can differ: a file
 * that is longer than its row says is cut, and a row that counts more bytes than the files have is shortened.
 */
export function reconcile(connection: SqliteConnection, segments: Segments): void {
  const rows = connection.run('SELECT id, body FROM logs WHERE complete = 0')
  for (const answer of rows) {
    // A log whose row cannot be read stays as it is: it must not stop the others.
    const row = decodeOr('logs', answer, () => undefined)
    if (row === undefined || !isLogId(row.execution_id)) continue
    const directory = segments.directory(row.execution_id)
    const sizes = sizesIn(directory)
    const kept = keptOf(row, sizes)
    if (kept !== row) connection.put('logs', [encode('logs', kept, 0)])
    for (const [start, size] of sizes) {
      const path = join(directory, String(start))
      if (start >= kept.length) rmSync(path)
      else if (start + size > kept.length) truncateSync(path, kept.length - start)
    }
  }
}

/** The row with the length that the files have; the same object where that is its length already. */
export function keptOf(row: LogRow, sizes: ReadonlyMap<number, number>): LogRow {
  const end = reach(sizes, 0, row.head ?? row.length)
  const shorter = (length: number, rest: Partial<LogRow>) => ({
    ...row,
    ...rest,
    length,
    scanned: Math.min(row.scanned, length),
    times: cutTimes(row.times, length),
  })
  if (row.head === null || row.tail === null) return end < row.length ? shorter(end, {}) : row
  if (end < row.head) return shorter(end, { head: null, tail: null })
  const tailEnd = reach(sizes, row.tail, row.length)
  if (tailEnd >= row.length) return row
  return tailEnd > row.tail ? shorter(tailEnd, {}) : shorter(row.head, { head: null, tail: null })
}

/** The offset up to which the files have all bytes from `from` on, at most `to`. */
function reach(sizes: ReadonlyMap<number, number>, from: number, to: number): number {
  let at = from
  while (at < to) {
    const start = at - (at % segmentSize)
    const end = start + (sizes.get(start) ?? 0)
    if (end <= at) break
    at = Math.min(end, to)
    if (end < start + segmentSize) break
  }
  return at
}

/** The lengths of the segments of a log, by their offsets. */
export function sizesIn(directory: string): Map<number, number> {
  try {
    return new Map(readdirSync(directory).map(name => [Number(name), statSync(join(directory, name)).size]))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map()
    throw error
  }
}
