/*
 * The state of a job in a container, by which a later process finds the job again. Release 0.1.0 wrote
 * version 0, to which the spool adds the id and the limits of the job.
 */
import { fail, ok, type Result } from '../../../result.ts'
import { isPathPart } from '../../path-part.ts'
import type { Failure, JobState } from '../executor.ts'
import type { DirectoryIdentity } from '../handover/exchange-dir.ts'
import { toFailure } from './failure.ts'

export interface DockerPlace {
  /** The id of the job, and the name of its exchange directory. */
  job_id: string
  /** The id of the slot. */
  executor_id: string
  /** Ties the answers of the supervisor to this order. */
  nonce: string
  /** The identity of the exchange directory. */
  leaf: DirectoryIdentity
  /** Seconds; 0: no limit. */
  limit: number
  /** Seconds between the signal and SIGKILL. */
  grace: number
}

export const dockerName = 'docker'
const version = 1

export const stateOf = (place: DockerPlace): JobState => ({ backend: dockerName, version, data: place })

/** Reads a state that this release or an earlier one has written. */
export function placeOf(state: JobState): Result<DockerPlace, Failure> {
  if (state.backend !== dockerName)
    return fail(toFailure('state-unknown', `it was placed by the backend ${state.backend}, not by docker`))
  if (state.version > version)
    return fail(
      toFailure('state-unknown', `its state has version ${state.version}, and this release knows ${version}`),
    )
  const place = state.data as Partial<DockerPlace> | null
  const { job_id, executor_id, nonce, leaf, limit = 0, grace = 0 } = place ?? {}
  if (!isPathPart(job_id) || !isPathPart(executor_id) || !isPathPart(nonce) || !isIdentity(leaf))
    return fail(toFailure('lost', 'its state names a place that cannot be read'))
  return ok({ job_id, executor_id, nonce, leaf, limit, grace })
}

const isIdentity = (leaf: Partial<DirectoryIdentity> | undefined): leaf is DirectoryIdentity =>
  typeof leaf?.device === 'number' && typeof leaf.inode === 'number'
