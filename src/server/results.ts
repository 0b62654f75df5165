/* How an execution ended, as its runner says. */
import { outputBounds, tooMuchIn } from '../protocol/json-bounds.ts'
import type { ResultMessage } from '../protocol/messages.ts'
import { unseal } from '../protocol/seal.ts'
import { ok, type Result } from '../result.ts'
import { putWithRetry, withdrawNext } from './attempts.ts'
import type { Caller, Context } from './context.ts'
import { finish, isOpenTo, isProvisional } from './executions.ts'
import { maskText } from './log-mask.ts'
import { finishLog } from './logs.ts'
import { ownExecution } from './ownership.ts'
import { type Refusal, refuse } from './refusal.ts'
import { dataKeyOf } from './reservation.ts'
import type { ExecutionRow, Writer } from './store/store.ts'

const crypto = process.getBuiltinModule('node:crypto')

/**
 * Takes a result, once: the same again is fine, another one is refused. It may come late, as long as the execution is
 * not lost for good. Then all of it is on disk. `clockDifference`: seconds of the runner's clock less this one; null: it is
 * that of its last heartbeat.
 */
export async function acceptResult(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  executionId: string,
  message: ResultMessage,
  clockDifference: number | null = null,
): Promise<Result<void, Refusal>> {
  const owned = await ownExecution(tx, caller, executionId)
  if (!owned.ok) return owned
  const row = owned.value
  const open = isOpenTo(row, message.lease_id)
  if (!open.ok) return open
  const output = await openOutput(tx, ctx, caller, message)
  if (!output.ok) return output
  const { lease_id, exit_code } = message
  const times = await timesOf(tx, caller, row, message, clockDifference)
  const output_sha256 = output.value === null ? null : crypto.hash('sha256', output.value)
  // The runner is rid of it, and the execution says why its output is not there.
  const unfit = output.value === null ? undefined : whyUnfit(ctx, output.value)
  const { outcome, reason, error_message: said } = unfit === undefined ? message : failedBy(unfit, message)
  const error_message = said && (await maskText(tx, ctx, row.group, said))
  const after = finish(row, { lease_id, outcome, exit_code, reason, error_message, output_sha256, ...times })
  if (!after.ok) return after
  if (after.value === row) return ok(undefined)
  if (isProvisional(row)) await withdrawNext(tx, row)
  if (output.value !== null && unfit === undefined)
    tx.putOutput(row.id, ctx.keys.sealAtRest(output.value.toString()))
  await finishLog(tx, ctx, row.id, message.log_length, message.log_sha256)
  await putWithRetry(tx, ctx, after.value)
  tx.durably()
  return ok(undefined)
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

/** Why an output cannot be kept, in words that go on from `its output`; undefined where it can. */
function whyUnfit(ctx: Context, output: Buffer): string | undefined {
  const most = ctx.settings.max_output_bytes
  return output.length > most
    ? `has ${output.length} bytes, more than the ${most} that are kept`
    : tooMuchIn(output, outputBounds)
}

/** The result of an execution whose output cannot be kept: whatever it was, a success without it is none. */
function failedBy(
  unfit: string,
  message: ResultMessage,
): Pick<ResultMessage, 'outcome' | 'reason' | 'error_message'> {
  if (message.outcome !== 'succeeded') return message
  const error_message = `its output ${unfit}, so that the server has not kept it`
  return { outcome: 'failed', reason: 'output-invalid', error_message }
}

/**
 * When it ran by the server's clock: for as long as the runner says, as near to when it says as can be. It has not begun
 * before it was made, and has ended by now.
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
