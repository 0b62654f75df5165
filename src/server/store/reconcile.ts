import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../result.ts'
import { isLogId, type Segments, segmentSize } from './segments.ts'
import type { SqliteConnection } from './sqlite.ts'
import type { LogRow } from './store.ts'
import { decodeOr, encode } from './tables.ts'

/**
 * Makes files and rows of logs agree after whatever ended the last server. Only logs that are not complete can
 * differ: a file that is longer than its row says is cut, and a row whose bytes are not there says so.
 */
export function reconcile(connection: SqliteConnection, segments: Segments): void {
  const rows = connection.run('SELECT id, body FROM logs WHERE complete = 0')
  for (const answer of rows) {
    // One that cannot be read is of no other log's concern.
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

/** The row as the files bear it out; the same object where they do. */
function keptOf(row: LogRow, sizes: ReadonlyMap<number, number>): LogRow {
  const end = reach(sizes, 0, row.head ?? row.length)
  const shorter = (length: number, rest: Partial<LogRow>) => ({
    ...row,
    ...rest,
    length,
    scanned: Math.min(row.scanned, length),
  })
  if (row.head === null || row.tail === null) return end < row.length ? shorter(end, {}) : row
  if (end < row.head) return shorter(end, { head: null, tail: null })
  const tailEnd = reach(sizes, row.tail, row.length)
  if (tailEnd >= row.length) return row
  return tailEnd > row.tail ? shorter(tailEnd, {}) : shorter(row.head, { head: null, tail: null })
}

/** How far bytes are there without a gap, from one offset up to another. */
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

/** Segments of a log with their lengths. */
function sizesIn(directory: string): Map<number, number> {
  try {
    return new Map(readdirSync(directory).map(name => [Number(name), statSync(join(directory, name)).size]))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map()
    throw error
  }
}
