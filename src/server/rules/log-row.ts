/* The row of a log: its length, and the part of it that is kept. */

import type { Reader } from '../../store/reader.ts'
import { type ExecutionRow, emptyLog, type LogRow } from '../../store/rows.ts'

/** The row of a log before its first byte has come. */
export const newLog = (execution_id: string): LogRow => ({ ...emptyLog, execution_id, length: 0 })

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The row of a log. An empty log, by the word of the result, has no row in the store. */
export async function logOf(tx: Reader, execution: ExecutionRow): Promise<LogRow | undefined> {
  const { id, result } = execution
  const log = await tx.log(id)
  if (log !== undefined || result === null) return log
  return { ...newLog(id), final_length: 0, final_sha256: sha256OfNothing, complete: true }
}

/** Whether the result describes an empty log, of which nothing has to be kept. */
export const isNothing = (length: number, sha256: string): boolean =>
  length === 0 && sha256 === sha256OfNothing

/**
 * The log with so many bytes: beyond the limit only its head and its tail are kept, half of the limit each.
 */
export function grown(log: LogRow, length: number, limit: number): LogRow {
  if (length <= limit && log.head === null) return { ...log, length }
  const head = log.head ?? Math.floor(limit / 2)
  const tail = Math.max(log.tail ?? head, length - Math.max(0, limit - head))
  return { ...log, length, head, tail }
}

/** Whether all bytes that the runner's result counts have come. */
export function hasWholeLog(log: LogRow | undefined): boolean {
  return log !== undefined && log.final_length !== null && log.length >= log.final_length
}
