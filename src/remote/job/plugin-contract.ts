/* The executor contract: the input of a plugin, its output, and the result that follows from the output. */
import { outputBounds, parseWithin } from '../../protocol/json-bounds.ts'
import { isObject } from '../../protocol/mask/secrets.ts'
import type { ExecutionOutcome } from '../../protocol/messages/executions.ts'
import type { InputContext } from '../../protocol/messages/jobs.ts'
import { seal, unseal } from '../../protocol/seal.ts'
import { fail, ok, type Result } from '../../result.ts'
import type { FailureReason, JobExit } from '../executors/executor.ts'

export type JobKind = 'plugin' | 'command' | 'script'

/** The output of a plugin. */
export interface OutputContext {
  exitCode: number
  jobErrorMessage: string
  outputProperties: Record<string, unknown>
  reportingRecords: unknown[] | null
}

/** The input as its file has it. */
export function sealInput(input: InputContext, sessionKey: string): string {
  const text = JSON.stringify(input)
  return sessionKey === '' ? text : seal(text, Buffer.from(sessionKey, 'base64'))
}

/**
 * Opens and checks the output of a plugin, which has at most so many bytes in clear. Accepts plain JSON too.
 * Fails with a sentence.
 */
export function readOutput(
  bytes: Uint8Array,
  sessionKey: string,
  limit: number,
): Result<OutputContext, string> {
  const text = Buffer.from(bytes).toString().trim()
  if (text === '') return fail('its output is empty')
  let json: Uint8Array = Buffer.from(text)
  if (!text.startsWith('{')) {
    if (sessionKey === '') return fail('its output is not a JSON object')
    const opened = unseal(text, Buffer.from(sessionKey, 'base64'))
    if (!opened.ok) return fail('its output is neither sealed under its SESSION_KEY nor JSON')
    json = opened.value
  }
  if (json.length > limit) return fail(`its output has ${json.length} bytes: ${limit} are the most`)
  const parsed = parseWithin(json, outputBounds)
  if (!parsed.ok)
    return fail(parsed.failure.tooMuch ? `its output ${parsed.failure.detail}` : 'its output is not JSON')
  const { value } = parsed
  if (!isObject(value)) return fail('its output is not a JSON object')
  const { exitCode, jobErrorMessage, outputProperties, reportingRecords } = value
  if (!Number.isInteger(exitCode) || Math.abs(exitCode as number) > 2 ** 31)
    return fail('the exitCode of its output is not a whole number')
  const properties = outputProperties ?? {}
  if (!isObject(properties)) return fail('the outputProperties of its output are not a JSON object')
  return ok({
    exitCode: exitCode as number,
    jobErrorMessage: typeof jobErrorMessage === 'string' ? jobErrorMessage : '',
    outputProperties: properties,
    reportingRecords: Array.isArray(reportingRecords) ? reportingRecords : null,
  })
}

export type EndReason =
  | 'plugin-failed'
  | 'exit-status'
  | 'no-output'
  | 'output-invalid'
  | 'not-startable'
  | 'timed-out'
  | 'aborted'
  | 'out-of-memory'
  | 'disk-full'
  | 'executor-lost'
  | 'lease-lost'
  | NotRun

/** Why an execution was never started. */
export type NotRun = FailureReason

/** The result of an execution. */
export interface Verdict {
  outcome: ExecutionOutcome
  exit_code: number | null
  /** Null where it succeeded. */
  reason: EndReason | null
  error_message: string | null
  output: OutputContext | null
}

export interface Evidence {
  kind: JobKind
  exit: JobExit
  /** The output of a plugin, or the problem with it; undefined if it left none. */
  output: Result<OutputContext, string> | undefined
  /** Why it was asked to end, whether it has heard that or not; undefined: it was not. */
  asked: 'aborted' | 'lease-lost' | undefined
  /** Seconds it was given. */
  limit: number
}

/** The last of Linux' signals: beyond 128 and it there is only what a program has chosen itself. */
const lastSignal = 64

export const leaseLost =
  'the server had not answered for as long as it waits for a runner, and on_lost = abort ends jobs then'

/** A valid output wins over the exit status; an abort counts only where nothing was done before it. */
export function judge({ kind, exit, output, asked, limit }: Evidence): Verdict {
  // The output may be incomplete if nobody saw the end of its job.
  const status = 'code' in exit ? exit.code : undefined
  const context = status !== undefined && output?.ok === true ? output.value : null
  const code = context?.exitCode ?? status ?? null
  const verdict = (
    outcome: ExecutionOutcome,
    reason: EndReason | null,
    error_message: string | null,
  ): Verdict => ({
    outcome,
    exit_code: code,
    reason,
    error_message,
    output: context,
  })
  const byOutput = kind === 'plugin' || context !== null
  const succeeded = byOutput ? context?.exitCode === 0 : exit.by === 'status' && exit.code === 0
  if (succeeded) return verdict('succeeded', null, null)
  const said = context?.jobErrorMessage || null

  if (exit.by === 'disk') return verdict('failed', 'disk-full', exit.message)
  if (asked === 'lease-lost' && exit.by !== 'time-limit') return verdict('failed', 'lease-lost', leaseLost)
  if (exit.by === 'stopped' || (asked === 'aborted' && exit.by !== 'time-limit'))
    return verdict('aborted', 'aborted', said)
  if (exit.by === 'time-limit')
    return verdict('failed', 'timed-out', said ?? `it had not ended after ${limit} s`)
  if (context !== null)
    return verdict('failed', 'plugin-failed', said ?? `it ended with exit code ${context.exitCode}`)
  if (exit.by === 'oom')
    return verdict('failed', 'out-of-memory', 'it was ended because it used more memory than it may')
  if (exit.by === 'not-startable')
    return verdict('failed', 'not-startable', 'its program could not be started; the end of its log says why')
  if (!('code' in exit)) return verdict('failed', 'executor-lost', exit.message)
  const bySignal = exit.code > 128 && exit.code <= 128 + lastSignal
  const ended = bySignal ? `by signal ${exit.code - 128}` : `with exit status ${exit.code}`
  if (output?.ok === false)
    return verdict('failed', 'output-invalid', `it ended ${ended}, and ${output.failure}`)
  if (kind === 'plugin')
    return verdict('failed', 'no-output', `it ended ${ended} and left no output at OUTPUT_LOCATION`)
  return verdict('failed', 'exit-status', `it ended ${ended}`)
}
