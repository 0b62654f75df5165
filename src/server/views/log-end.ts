import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow, LogRow } from '../../store/rows.ts'
import { hasEnded } from '../rules/transitions.ts'

/** The last bytes of a log as text that begins and, while more may come, ends with a whole character. */
export async function endOfLog(tx: Reader, log: LogRow, row: ExecutionRow, shown: number): Promise<string> {
  const from = Math.max(log.length - shown, log.tail ?? 0)
  const parts: Buffer[] = []
  for (let offset = from; offset < log.length; offset += parts.at(-1)!.length) {
    const bytes = await tx.readLog(row.id, offset, log.length - offset)
    if (bytes.length === 0) break
    parts.push(bytes)
  }
  const bytes = Buffer.concat(parts)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return decoder.decode(from === 0 ? bytes : bytes.subarray(continued(bytes)), { stream: !hasEnded(row) })
}

/** The number of bytes at the beginning that continue a character whose first byte is missing. */
function continued(bytes: Buffer): number {
  let count = 0
  while (count < 3 && count < bytes.length && (bytes[count]! & 0xc0) === 0x80) count++
  return count
}
