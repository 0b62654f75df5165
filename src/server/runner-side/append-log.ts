/* Logs as they come: in order, masked once more, beyond a limit without their middle. */

import { maskBytes } from '../../protocol/mask/mask.ts'
import { ok, type Result } from '../../result.ts'
import { withTime } from '../../store/log-times.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow, LogRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { grown, hasWholeLog, logOf, newLog } from '../rules/log-row.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { holds, isOpenTo } from '../rules/transitions.ts'
import { admitBytes } from '../state/admission.ts'
import { isAsSaid } from '../state/finish-log.ts'
import { hashBytes, hashNoMore } from '../state/log-hash.ts'
import { withMarkers } from '../state/log-markers.ts'
import { logMaskOf } from '../state/log-mask.ts'
import { startedExecution } from '../state/own-execution.ts'

/** Bytes of one chunk. */
export const longestChunk = 1_048_576

export interface Chunk {
  execution_id: string
  lease_id: string
  offset: number
  bytes: Uint8Array
}

/**
 * Appends a chunk, if it begins where the log ends: the refusal of another chunk has the length at which to
 * resume, so that sending one twice does no harm. After the result chunks are taken until the log has the
 * length that the result says. Needs an fsync only then; before that the runner still has the bytes.
 */
export async function appendLog(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  { execution_id, lease_id, offset, bytes }: Chunk,
): Promise<Result<{ length: number; truncated?: boolean }, Refusal>> {
  if (bytes.length > longestChunk) return refuse('too-large', `A chunk has at most ${longestChunk} bytes`)
  const owned = await startedExecution(tx, ctx, caller, execution_id, lease_id)
  if (!owned.ok) return owned
  const row = owned.value
  const open = takesLog(row, lease_id)
  if (!open.ok) return open
  const log = (await logOf(tx, row)) ?? newLog(execution_id)
  const { length } = log
  if (offset !== length) return { ok: false, failure: { reason: 'wrong-offset', length } }
  if (log.final_length !== null && offset + bytes.length > log.final_length)
    return refuse('already-finished', `The result says that the log has ${log.final_length} bytes`)
  if (bytes.length > 0) {
    const admitted = await admitBytes(tx, ctx, row, 'log', bytes.length)
    if (!admitted.ok) return admitted
    await append(tx, ctx, row, log, bytes)
  }
  const { length: now, head } = (await tx.log(execution_id)) ?? log
  return ok(head === null ? { length: now } : { length: now, truncated: true })
}

function takesLog(row: ExecutionRow, lease_id: string): Result<void, Refusal> {
  if (row.state === 'reserved' || !holds(row, lease_id))
    return refuse('reservation-expired', 'This lease does not hold the execution')
  return isOpenTo(row, lease_id)
}

async function append(
  tx: Writer,
  ctx: Context,
  { id, group }: ExecutionRow,
  log: LogRow,
  bytes: Uint8Array,
): Promise<void> {
  const { from, masked, changed } = await mask(tx, ctx, group, log, bytes)
  await tx.writeLog(id, from, masked)
  // Dropped bytes are not searched any more.
  const scanned = Math.max(log.scanned, log.tail ?? 0)
  const searched = await searchedBytes(tx, id, scanned, from, masked)
  const { mask: secrets } = await logMaskOf(tx, ctx, group)
  let now = withMarkers({ ...log, scanned, masked: log.masked || changed }, searched, secrets)
  now = grown(now, log.length + bytes.length, ctx.settings.log_limit)
  if (now.masked || now.head !== null) hashNoMore(ctx, id)
  else hashBytes(ctx, id, from, masked)
  if (now.head !== null) await tx.dropLog(id, now.head, now.tail!)
  now = { ...now, times: withTime(log.times, log.length, tx.now) }
  if (hasWholeLog(now)) now = { ...now, complete: await isAsSaid(tx, ctx, now) }
  tx.putLog(now)
  tx.notify({ about: 'log', id })
  if (now.final_length !== null) tx.durably()
}

/** The bytes to write: the chunk, and before it those that a secret ending in the chunk turns into stars. */
async function mask(
  tx: Writer,
  ctx: Context,
  group: string,
  log: LogRow,
  bytes: Uint8Array,
): Promise<{ from: number; masked: Uint8Array; changed: boolean }> {
  const { mask, reach } = await logMaskOf(tx, ctx, group)
  if (reach === 0) return { from: log.length, masked: bytes, changed: false }
  const start = Math.max(log.tail ?? 0, log.length - reach)
  const before = await tx.readLog(log.execution_id, start, log.length - start)
  const both = Buffer.concat([before, bytes])
  const masked = maskBytes(both, mask)
  if (both.equals(masked)) return { from: log.length, masked: bytes, changed: false }
  return { from: log.length - before.length, masked, changed: true }
}

/**
 * The bytes in which markers are looked for: those of the last search that were not done with, and the new
 * ones.
 */
async function searchedBytes(
  tx: Reader,
  id: string,
  scanned: number,
  from: number,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  if (scanned >= from) return bytes.subarray(scanned - from)
  return Buffer.concat([await tx.readLog(id, scanned, from - scanned), bytes])
}
