/* Hands an execution over to a slot, in the two steps that leave it on record. */
import { errorText, fail, ok, type Result } from '../../result.ts'
import type { ExecutorJob, Failure, JobHandle, Placed, Slot } from '../executors/executor.ts'
import type { AssignedJob } from './job.ts'
import { sealInput } from './plugin-contract.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/** A job in a slot, of whose place the spool knows. Only its start is missing. */
export interface PlacedJob {
  execution: SpooledExecution
  slot: Slot
  placed: Placed
}

/** The job as a backend gets it. */
function executorJobOf(job: AssignedJob): ExecutorJob {
  const { command, args, env, secret_env, input, session_key, release_url } = job
  return {
    id: job.execution_id,
    command,
    args,
    env,
    secretEnv: secret_env,
    plugin: input && {
      input: sealInput(input, session_key),
      sessionKey: session_key,
      releaseUrl: release_url,
      clear: JSON.stringify(input),
    },
    limit: job.max_time_seconds,
    grace: job.abort_timeout_seconds,
    signal: job.abort_signal,
  }
}

/**
 * Places a job in a slot and puts the place on record, with what is known of its image; `takeBack` undoes
 * both. Nothing has started yet.
 */
export async function placeJob(
  execution: SpooledExecution,
  slot: Slot,
  image: Parameters<SpooledExecution['writePlace']>[1] = {},
): Promise<Result<PlacedJob, Failure>> {
  const placed = await slot.place(executorJobOf(execution.job), execution.directory)
  if (!placed.ok) return placed
  try {
    await execution.writePlace(placed.value.state, image)
  } catch (error) {
    await placed.value.takeBack()
    return fail(spoolLost(execution, error))
  }
  return ok({ execution, slot, placed: placed.value })
}

/** Takes a job out of its slot. False: something of it is left there, and no other job may have that slot. */
export async function takeBack({ execution, placed }: PlacedJob): Promise<boolean> {
  if (!(await placed.takeBack())) return false
  try {
    execution.clearPlace()
    return true
  } catch {
    return false
  }
}

/** Starts a placed job: from here on it may have run. After a failure it has not, and its slot has to go. */
export async function startPlaced({ execution, placed }: PlacedJob): Promise<Result<JobHandle, Failure>> {
  try {
    execution.beginOrder()
  } catch (error) {
    await placed.takeBack()
    return fail(spoolLost(execution, error))
  }
  return placed.start()
}

function spoolLost(execution: SpooledExecution, error: unknown): Failure {
  return { reason: 'spool-lost', message: `${execution.directory}: ${errorText(error)}`, retry: 'soon' }
}
