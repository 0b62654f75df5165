import type { Reader } from '../../store/reader.ts'
import type { LogRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { hasWholeLog, isNothing, newLog } from '../rules/log-row.ts'
import { takeHash } from './log-hash.ts'

const crypto = process.getBuiltinModule('node:crypto')
/** Bytes that are read at once. */
const piece = 1_048_576

/** Records the length of the log that the result reports. */
export async function finishLog(
  tx: Writer,
  ctx: Context,
  id: string,
  length: number,
  sha256: string,
): Promise<void> {
  const before = await tx.log(id)
  if (before === undefined && isNothing(length, sha256)) return
  const log = { ...(before ?? newLog(id)), final_length: length, final_sha256: sha256 }
  tx.putLog(hasWholeLog(log) ? { ...log, complete: await isAsSaid(tx, ctx, log) } : log)
  tx.notify({ about: 'log', id })
}

/**
 * Whether the whole log has the hash of the result; true where that cannot be known, since the server has
 * dropped or masked bytes.
 */
export async function isAsSaid(tx: Reader, ctx: Context, log: LogRow): Promise<boolean> {
  if (log.masked || log.head !== null) return true
  if (log.length !== log.final_length) return false
  const known = takeHash(ctx, log.execution_id, log.length)
  if (known !== undefined) return known === log.final_sha256
  // The hash was not made before the writer began: the log has only just grown.
  const hash = crypto.createHash('sha256')
  for (let at = 0; at < log.length; ) {
    const bytes = await tx.readLog(log.execution_id, at, Math.min(piece, log.length - at))
    if (bytes.length === 0) return false
    hash.update(bytes)
    at += bytes.length
  }
  return hash.digest('hex') === log.final_sha256
}
