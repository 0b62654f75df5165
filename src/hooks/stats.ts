import type { TryEnd, TryRef } from '../event.ts'
import { defined } from '../result.ts'

/** The last argument of a hook, as JSON. Names and forms are build-runner's, with more of them. */
export interface TryStats {
  /** The file name of the task. */
  task: string
  name: string
  try_num: number
  /** The `max_tries` in force for the task. */
  max_retries: number
  /** Only after the try; before it `RUNNING` where build-runner's form is asked for. */
  result?: TryEnd['outcome'] | 'RUNNING'
  exit_code?: number
  signal?: string
  started_at?: string
  duration_seconds?: number
  run_id?: number
}

/** The stats of a try before it (no `end`; `compatible`: in build-runner's form) or after it. */
export function statsOf(
  ref: TryRef,
  maxTries: number,
  compatible: boolean,
  after?: { end: TryEnd; runId: number },
): TryStats {
  const before = { task: ref.task, name: ref.name, try_num: ref.try_num, max_retries: maxTries }
  if (after === undefined) return compatible ? { ...before, result: 'RUNNING' } : before
  const { outcome, exit_code, signal, started_at, duration_seconds } = after.end
  return {
    ...before,
    result: outcome,
    ...defined({ exit_code, signal }),
    started_at,
    duration_seconds,
    run_id: after.runId,
  }
}

/**
 * The form of the stats (JSON Schema, draft 7); published in docs/reference/hooks.md with an example of each.
 */
export const statsSchema = {
  $id: 'https://runner.invalid/stats.json',
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Stats for the hook',
  type: 'object',
  properties: {
    task: { type: 'string', minLength: 1 },
    name: { type: 'string', minLength: 1 },
    try_num: { type: 'integer', minimum: 1 },
    max_retries: { type: 'integer', minimum: 1 },
    result: { enum: ['RUNNING', 'OK', 'RETRY', 'HALT', 'EXIT', 'REBOOT', 'INTERRUPTED'] },
    exit_code: { type: 'integer', minimum: 0, maximum: 255 },
    signal: { type: 'string', pattern: '^SIG[A-Z0-9]+$' },
    started_at: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
    duration_seconds: { type: 'number', minimum: 0 },
    run_id: { type: 'integer', minimum: 0 },
  },
  required: ['task', 'name', 'try_num', 'max_retries'],
  dependencies: { started_at: ['result'], exit_code: ['started_at'], signal: ['started_at'] },
  if: { properties: { result: { const: 'RUNNING' } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: { not: { required: ['started_at'] } },
  else: { required: ['started_at', 'duration_seconds', 'run_id'] },
  additionalProperties: false,
} as const
