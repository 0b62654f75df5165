/* Messages of runners, and the jobs that they hold, from defaults that a test changes. */
import { createHash } from 'node:crypto'
import type { ResultMessage } from '../../src/protocol/messages/results.ts'
import type { AssignedJob } from '../../src/remote/job/job.ts'

export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const emptySha256 = sha256('')

/** The result of an execution that succeeded at this time, with an empty log. */
export function resultOf(lease_id: string, time: Date, more: Partial<ResultMessage> = {}): ResultMessage {
  return {
    lease_id,
    outcome: 'succeeded',
    exit_code: 0,
    reason: null,
    error_message: null,
    output: null,
    started_at: time.toISOString(),
    finished_at: time.toISOString(),
    log_length: 0,
    log_sha256: emptySha256,
    ...more,
  }
}

/** A job that runs a command in the image `box`, as a runner holds it. */
export function assignedJob(execution_id: string, more: Partial<AssignedJob> = {}): AssignedJob {
  return {
    execution_id,
    kind: 'command',
    image: 'box',
    runner_group: 'default',
    env: {},
    secret_env: {},
    secrets: [],
    session_key: '',
    release_url: '',
    max_time_seconds: 0,
    abort_timeout_seconds: 1,
    max_output_bytes: 1000,
    ...more,
  }
}
