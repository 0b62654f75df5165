/* Whether a container may have a second job, and which. */
import type { ExecutorConfiguration, Reuse } from '../../config/executor-section.ts'
import type { Reservation } from '../../protocol/messages.ts'
import type { EngineFacts } from './engine.ts'

/** Capabilities with which a job can change nothing that outlives it and that the supervisor does not see. */
const harmless = ['NET_BIND_SERVICE', 'KILL', 'SYS_CHROOT']

/** Runtimes whose containers are processes of this host's kernel: what the supervisor relies on is that kernel's. */
const knownRuntime = /^(runc|crun|io\.containerd\.runc\.v\d+)$/

/** Why each container is for one job, whatever the job does; undefined: a container that it leaves as it was may be used again. */
export function onceBecause(
  { podman, security, runtime }: Pick<EngineFacts, 'podman' | 'security' | 'runtime'>,
  { reuse, cap_add }: Pick<ExecutorConfiguration, 'reuse' | 'cap_add'>,
): string | undefined {
  if (reuse === 'never') return 'reuse is never in [executor]'
  const keys = 'jobs can leave keys in the kernel (keyctl)'
  if (podman) return `${keys}, since the seccomp profile of podman lets them`
  const filter = security.find(option => option.startsWith('name=seccomp'))
  if (filter === undefined || filter.includes('unconfined'))
    return `${keys}, since the engine has no seccomp profile`
  if (!knownRuntime.test(runtime))
    return `the engine's runtime is ${runtime}, and only runc and crun are known well enough`
  const powers = cap_add.map(name => name.toUpperCase().replace(/^CAP_/, ''))
  const power = powers.find(name => !harmless.includes(name))
  return power === undefined
    ? undefined
    : `cap_add gives jobs ${power}, by which they can leave what nobody sees`
}

/**
 * What another job must have in common with this one to get its container: the trust domain, and where either the runner
 * or the job says so, the name of the job; undefined: no other job gets it. A word of a newer server is the strictest.
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
