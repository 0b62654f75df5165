/* The end of an execution, as its runner reports it. */

import { outputBounds, tooMuchIn } from '../../protocol/json-bounds.ts'
import type { ResultMessage } from '../../protocol/messages/results.ts'
import { unseal } from '../../protocol/seal.ts'
import { ok, type Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { withReportedDigest } from '../rules/image-digest.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { finish, isOpenTo, isProvisional } from '../rules/transitions.ts'
import { admitBytes } from '../state/admission.ts'
import { putWithRetry, withdrawNext } from '../state/attempts.ts'
import { finishLog } from '../state/finish-log.ts'
import { maskRunText } from '../state/log-mask.ts'
import { startedExecution } from '../state/own-execution.ts'
import { dataKeyOf } from '../state/reservation.ts'

const crypto = process.getBuiltinModule('node:crypto')

/**
 * Takes a result, once: the same result again is fine, a different one is refused. It may come late, while
 * the execution is not lost for good. All of it is on disk when this resolves. `clockDifference`: seconds of
 * the runner's clock less this one; null: the difference of its last heartbeat.
 */
export async function acceptResult(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  executionId: string,
  message: ResultMessage,
  clockDifference: number | null = null,
): Promise<Result<void, Refusal>> {
  const owned = await startedExecution(tx, ctx, caller, executionId, message.lease_id)
  if (!owned.ok) return owned
  const row = withReportedDigest(owned.value, message.image_digest)
  const open = isOpenTo(row, message.lease_id)
  if (!open.ok) return open
  const output = await openOutput(tx, ctx, caller, message)
  if (!output.ok) return output
  const { lease_id, exit_code } = message
  const times = await timesOf(tx, caller, row, message, clockDifference)
  const output_sha256 = output.value === null ? null : crypto.hash('sha256', output.value)
  // The runner may forget the result, and the execution says why its output is missing.
  const unfit = output.value === null ? undefined : whyUnfit(ctx, output.value)
  const { outcome, reason, error_message: said } = unfit === undefined ? message : failedBy(unfit, message)
  const error_message = said && (await maskRunText(tx, ctx, row.group, said))
  const { phases, resources } = message
  const end = { lease_id, outcome, exit_code, reason, error_message, output_sha256, phases, resources }
  const after = finish(row, { ...end, ...times })
  if (!after.ok) return after
  if (after.value === row) return ok(undefined)
  if (output.value !== null && unfit === undefined) {
    const admitted = await admitBytes(tx, ctx, row, 'output', output.value.length)
    noteWaiting(ctx, row.id, admitted)
    if (!admitted.ok) return admitted
  }
  if (isProvisional(row)) await withdrawNext(tx, ctx, row)
  if (output.value !== null && unfit === undefined)
    tx.putOutput(row.id, ctx.keys.sealAtRest(output.value.toString()))
  await finishLog(tx, ctx, row.id, message.log_length, message.log_sha256)
  await putWithRetry(tx, ctx, after.value)
  tx.durably()
  return ok(undefined)
}

/**
 * Results whose reason to wait is remembered; beyond this number all are forgotten, until their runners ask
 * again.
 */
const mostWaiting = 10_000

/** Remembers, for those who look at an execution, why its result waits. */
function noteWaiting({ memory }: Context, id: string, admitted: Result<void, Refusal>): void {
  const { waitingResults } = memory
  if (admitted.ok) {
    waitingResults.delete(id)
    return
  }
  if (waitingResults.size >= mostWaiting) waitingResults.clear()
  waitingResults.set(id, `it has ended, and its output waits: ${admitted.failure.detail}`)
}

async function openOutput(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  { output }: ResultMessage,
): Promise<Result<Buffer | null, Refusal>> {
  if (output === null) return ok(null)
  const runner = await tx.runner(caller.runner_id)
  if (runner === undefined) throw new Error(`runner ${caller.runner_id} is not there`)
  const opened = unseal(output, dataKeyOf(ctx, runner))
  if (!opened.ok)
    return refuse(
      'unknown-key',
      'The output is not sealed with the data key in force: register, seal it again',
    )
  return ok(opened.value)
}

/** The reason why an output cannot be kept, in words that follow `its output`; undefined where it can. */
function whyUnfit(ctx: Context, output: Buffer): string | undefined {
  const most = ctx.settings.max_output_bytes
  return output.length > most
    ? `has ${output.length} bytes, more than the ${most} that are kept`
    : tooMuchIn(output, outputBounds)
}

/** The result of an execution whose output cannot be kept: a success becomes a failure. */
function failedBy(
  unfit: string,
  message: ResultMessage,
): Pick<ResultMessage, 'outcome' | 'reason' | 'error_message'> {
  if (message.outcome !== 'succeeded') return message
  const error_message = `its output ${unfit}, so that the server has not kept it`
  return { outcome: 'failed', reason: 'output-invalid', error_message }
}

/**
 * Beginning and end of an execution by the server's clock: the duration that the runner reports, as near as
 * possible to the times that it reports, but not before the execution was made and not after now.
 */
async function timesOf(
  tx: Writer,
  caller: Caller,
  row: ExecutionRow,
  message: ResultMessage,
  clockDifference: number | null,
): Promise<{ started_at: number; finished_at: number }> {
  const difference = clockDifference ?? (await tx.runner(caller.runner_id))?.clock_difference_seconds ?? 0
  const time = (text: string) => Math.round(Date.parse(text.toUpperCase()) - difference * 1000)
  const finished = time(message.finished_at)
  const started = time(message.started_at)
  const earliest = Math.min(row.created_at, tx.now)
  if (Number.isNaN(finished) || Number.isNaN(started)) return { started_at: tx.now, finished_at: tx.now }
  const length = Math.min(Math.max(0, finished - started), tx.now - earliest)
  const started_at = Math.min(Math.max(started, earliest), tx.now - length)
  return { started_at, finished_at: started_at + length }
}
