/* What is kept of a log, and what is known of it. */
import type { ExecutionRow, LogRow, Reader } from './store/store.ts'

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

const sha256OfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** What is known of a log. Where the result says that nothing was written, there is no row of it. */
export async function logOf(tx: Reader, execution: ExecutionRow): Promise<LogRow | undefined> {
  const { id, result } = execution
  const log = await tx.log(id)
  if (log !== undefined || result === null) return log
  return { ...newLog(id), final_length: 0, final_sha256: sha256OfNothing, complete: true }
}

/** Whether a log as the result says it is one of which nothing has to be kept. */
export const isNothing = (length: number, sha256: string): boolean =>
  length === 0 && sha256 === sha256OfNothing

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
