/* What is kept of a log, and what is known of it. */
import type { LogRow } from './store/store.ts'

export const newLog = (execution_id: string): LogRow => ({
  execution_id,
  length: 0,
  head: null,
  tail: null,
  scanned: 0,
  comments: [],
  status_line: null,
  final_length: null,
  final_sha256: null,
  masked: false,
  complete: false,
})

/** The log with so many bytes: beyond the limit only its head and its tail are kept, half of the limit each. */
export function grown(log: LogRow, length: number, limit: number): LogRow {
  if (length <= limit && log.head === null) return { ...log, length }
  const head = log.head ?? Math.floor(limit / 2)
  const tail = Math.max(log.tail ?? head, length - Math.max(0, limit - head))
  return { ...log, length, head, tail }
}

/** Whether all bytes have come that there are by the word of the runner. */
export function hasWholeLog(log: LogRow | undefined): boolean {
  return log !== undefined && log.final_length !== null && log.length >= log.final_length
}
