/* Whether a container may have a second job. */
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { EngineFacts } from './engine.ts'
import { unknownRuntime } from './runtime.ts'

/** Capabilities with which a job cannot leave anything that the supervisor does not see. */
const harmless = ['NET_BIND_SERVICE', 'KILL', 'SYS_CHROOT']

/**
 * Why each container gets one job alone, whatever the job does; undefined: a container that a job leaves
 * unchanged may get another one.
 */
export function onceBecause(
  facts: Pick<EngineFacts, 'podman' | 'security' | 'runtime'>,
  settings: Pick<ExecutorConfiguration, 'reuse' | 'cap_add' | 'runtime'>,
): string | undefined {
  const { podman, security } = facts
  const { reuse, cap_add } = settings
  if (reuse === 'never') return 'reuse = never in [executor]'
  const keys = 'jobs can leave keys in the kernel (keyctl)'
  if (podman) return `${keys}, since the seccomp profile of podman lets them`
  const filter = security.find(option => option.startsWith('name=seccomp'))
  if (filter === undefined || filter.includes('unconfined'))
    return `${keys}, since the engine has no seccomp profile`
  const runtime = unknownRuntime(facts, settings)
  if (runtime !== undefined) return `the runtime is ${runtime}, and only runc and crun are known well enough`
  const powers = cap_add.map(name => name.toUpperCase().replace(/^CAP_/, ''))
  const power = powers.find(name => !harmless.includes(name))
  return power === undefined
    ? undefined
    : `cap_add gives jobs ${power}, by which they can leave what nobody sees`
}
