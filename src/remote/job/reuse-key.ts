import type { Reuse } from '../../config/sections/executor.ts'
import type { Reservation } from '../../protocol/messages/reservations.ts'
import type { AssignedJob } from './job.ts'

/**
 * The key that another job must share to get the slot of this one: the trust domain, and the name of the job
 * if the runner or the job demands it; undefined: no other job gets the slot. An unknown word of a newer
 * server counts as the strictest.
 */
export function reuseKeyOf(
  reuse: Reuse,
  job: Pick<Reservation, 'domain' | 'reuse' | 'job_name'>,
): string | undefined {
  if (job.domain === undefined) return undefined
  const words: string[] = [reuse, job.reuse ?? 'domain']
  if (words.every(word => word === 'domain')) return JSON.stringify([job.domain])
  const perJob = words.every(word => word === 'domain' || word === 'job')
  return perJob && job.job_name !== null ? JSON.stringify([job.domain, job.job_name]) : undefined
}

/** The same with the group of the runner, which a restart may change. */
export function domainOf({ reuse_key, runner_group }: AssignedJob): string | undefined {
  return reuse_key && JSON.stringify([runner_group, reuse_key])
}
