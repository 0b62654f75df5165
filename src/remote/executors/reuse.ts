/* Whether a container may have a second job: what the engine and the configuration say before there is one. */
import type { ExecutorConfiguration } from '../../config/executor-section.ts'
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
