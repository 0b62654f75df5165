/*
 * The executor contract: what a plugin gets, what it leaves, and what follows from that.
 */
import { join } from 'node:path'
import { outputBounds, parseWithin } from '../protocol/json-bounds.ts'
import type { InputContext, Outcome } from '../protocol/messages.ts'
import { seal, unseal } from '../protocol/seal.ts'
import { isObject } from '../protocol/secrets.ts'
import { fail, ok, type Result } from '../result.ts'
import type { ExecutorFailure } from './executors/executor.ts'
import type { ExitFacts } from './executors/order.ts'

export type JobKind = 'plugin' | 'command' | 'script'

/** What a plugin leaves. */
export interface OutputContext {
  exitCode: number
  jobErrorMessage: string
  outputProperties: Record<string, unknown>
  reportingRecords: unknown[] | null
}

/** Where a container finds the leaf of its execution. */
const leafInside = (executionId: string, name: string) => join('/.runner/jobs', executionId, name)

/** The variables of the contract. An empty session key: input and output are plain JSON. */
export function contractVariables(
  executionId: string,
  sessionKey: string,
  releaseUrl: string,
): Record<string, string> {
  return {
    INPUT_LOCATION: leafInside(executionId, 'input'),
    OUTPUT_LOCATION: leafInside(executionId, 'output'),
    SESSION_KEY: sessionKey,
    RELEASE_URL: releaseUrl,
  }
}

/** The input as its file has it. */
export function sealInput(input: InputContext, sessionKey: string): string {
  const text = JSON.stringify(input)
  return sessionKey === '' ? text : seal(text, Buffer.from(sessionKey, 'base64'))
}

/** Opens and checks what a plugin left, of at most so many bytes in clear; plain JSON is taken too. Fails with a sentence. */
export function readOutput(
  bytes: Uint8Array,
  sessionKey: string,
  limit: number,
): Result<OutputContext, string> {
  const text = Buffer.from(bytes).toString().trim()
  if (text === '') return fail('its output is empty')
  let json: Uint8Array = Buffer.from(text)
  if (!text.startsWith('{')) {
    if (sessionKey === '') return fail('its output is no JSON object')
    const opened = unseal(text, Buffer.from(sessionKey, 'base64'))
    if (!opened.ok) return fail('its output is neither sealed under its SESSION_KEY nor JSON')
    json = opened.value
  }
  if (json.length > limit) return fail(`its output has ${json.length} bytes: ${limit} are the most`)
  const parsed = parseWithin(json, outputBounds)
  if (!parsed.ok)
    return fail(parsed.failure.tooMuch ? `its output ${parsed.failure.detail}` : 'its output is no JSON')
  const { value } = parsed
  if (!isObject(value)) return fail('its output is no JSON object')
  const { exitCode, jobErrorMessage, outputProperties, reportingRecords } = value
  if (!Number.isInteger(exitCode) || Math.abs(exitCode as number) > 2 ** 31)
    return fail('the exitCode of its output is no whole number')
  const properties = outputProperties ?? {}
  if (!isObject(properties)) return fail('the outputProperties of its output are no JSON object')
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
export type NotRun = ExecutorFailure['reason'] | 'no-command' | 'job-invalid' | 'spool-lost'

/** What an execution came to. */
export interface Verdict {
  outcome: Outcome
  exit_code: number | null
  /** Null where it succeeded. */
  reason: EndReason | null
  error_message: string | null
  output: OutputContext | null
}

export interface Evidence {
  kind: JobKind
  /** Undefined: the container ended without one. */
  exit: ExitFacts | undefined
  /** Of a plugin: what it left, or what is wrong with that; undefined where it left nothing. */
  output: Result<OutputContext, string> | undefined
  /** It was asked to end, whether it has heard it or not. */
  abortAsked: boolean
  outOfMemory: boolean
  /** Why runner itself ended it. */
  ended?: 'disk-full' | { unmeasured: string } | 'lease-lost' | undefined
  /** Seconds it was given. */
  limit: number
  /** What is known of the end of a container that ended without a word. */
  lost?: string
}

/** The last of Linux' signals: beyond 128 and it there is only what a program has chosen itself. */
const lastSignal = 64

export const leaseLost =
  'the server had not answered for as long as it waits for a runner, and on_lost = abort ends jobs then'

/** A valid output wins over the exit status; an abort counts only where nothing was done before it. */
export function judge(evidence: Evidence): Verdict {
  const { kind, exit, output, limit } = evidence
  const context = exit !== undefined && output?.ok === true ? output.value : null
  const code = context?.exitCode ?? exit?.code ?? null
  const verdict = (outcome: Outcome, reason: EndReason | null, error_message: string | null): Verdict => ({
    ...{ outcome, exit_code: code, reason, error_message, output: context },
  })
  const byOutput = kind === 'plugin' || context !== null
  const succeeded = byOutput ? context?.exitCode === 0 : exit?.code === 0 && exit.why === 'exit'
  if (succeeded) return verdict('succeeded', null, null)
  const said = context?.jobErrorMessage || null

  if (evidence.ended === 'disk-full')
    return verdict('failed', 'disk-full', 'it had more on disk than disk_limit allows')
  if (typeof evidence.ended === 'object')
    return verdict(
      'failed',
      'disk-full',
      `what it had on disk could not be measured, so disk_limit did not hold: ${evidence.ended.unmeasured}`,
    )
  if (exit?.why === 'disk')
    return verdict('failed', 'disk-full', 'what it wrote could not be kept: the disk of work_dir was full')
  if (evidence.ended === 'lease-lost' && exit?.why !== 'limit')
    return verdict('failed', 'lease-lost', leaseLost)
  if (exit?.why === 'abort' || (evidence.abortAsked && exit?.why !== 'limit'))
    return verdict('aborted', 'aborted', said)
  if (exit?.why === 'limit')
    return verdict('failed', 'timed-out', said ?? `it had not ended after ${limit} s`)
  if (context !== null)
    return verdict('failed', 'plugin-failed', said ?? `it ended with exit code ${context.exitCode}`)
  if (evidence.outOfMemory)
    return verdict('failed', 'out-of-memory', 'it was ended because it used more memory than it may')
  if (exit === undefined)
    return verdict(
      'failed',
      'executor-lost',
      `its container ended while it ran${evidence.lost === undefined ? '' : `: ${evidence.lost}`}`,
    )
  if (exit.refused)
    return verdict('failed', 'not-startable', 'its program could not be started; the end of its log says why')
  const bySignal = exit.code > 128 && exit.code <= 128 + lastSignal
  const ended = bySignal ? `by signal ${exit.code - 128}` : `with exit status ${exit.code}`
  if (output?.ok === false)
    return verdict('failed', 'output-invalid', `it ended ${ended}, and ${output.failure}`)
  if (kind === 'plugin')
    return verdict('failed', 'no-output', `it ended ${ended} and left no output at OUTPUT_LOCATION`)
  return verdict('failed', 'exit-status', `it ended ${ended}`)
}
