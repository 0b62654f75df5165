/*
 * The names of this backend's objects. All objects of a slot have one name, `runner-<slot id>`: the service
 * account, which owns the rest, the pod, and the secret with the environment that nobody else may read.
 */
import { fail, ok, type Result } from '../../../result.ts'
import { pathPart } from '../../path-part.ts'
import type { Failure, JobState } from '../executor.ts'

export const kubernetesName = 'kubernetes'
/** The version of `JobState.data`. */
export const kubernetesVersion = 1

/** Labels of every object: whose it is, of which slot, and by whom it was made. */
export const objectLabels = {
  runner: 'runner.uuid',
  executor: 'runner.executor',
  group: 'runner.group',
} as const

/** The one container of a pod. */
export const containerName = 'job'

/** The name of all objects of a slot. */
export const objectName = (slotId: string): string => `runner-${pathPart(slotId)}`

/** Describes all slots of a runner, so that a person can find them. */
export const kubernetesSlotsText = (runnerId: string): string =>
  `the pods, secrets and service accounts with the label ${objectLabels.runner}=${runnerId}`

/** `JobState.data` of this backend. */
export interface KubernetesPlace {
  slot_id: string
  job_id: string
  /** Seconds, from the start of the container; 0: none. */
  limit: number
  /** Seconds between the signal and the end of the pod. */
  grace: number
  /** `SIGTERM`; absent: the stop signal of the image. */
  signal?: string
}

export const stateOf = (data: KubernetesPlace): JobState => ({
  backend: kubernetesName,
  version: kubernetesVersion,
  data,
})

/** Reads the state of a job that this backend has placed. */
export function placeOf(state: JobState): Result<KubernetesPlace, Failure> {
  if (state.backend === kubernetesName && state.version <= kubernetesVersion)
    return ok(state.data as KubernetesPlace)
  const message = 'another backend, or a newer release of runner, has written the state of the job'
  return fail({ reason: 'state-unknown', message, retry: 'never' })
}
