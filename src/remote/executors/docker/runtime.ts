/* The OCI runtime that runs the containers. */
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { Failure } from '../executor.ts'
import type { EngineFacts } from './engine.ts'
import { toFailure } from './failure.ts'

type Settings = Pick<ExecutorConfiguration, 'runtime'>

/**
 * Runtimes whose containers are processes of this host's kernel: the supervisor and its checks rely on that
 * kernel.
 */
const known = /^(runc|crun|io\.containerd\.runc\.v\d+)$/

/** The runtime of the containers of this runner, where it is none of those that are known well enough. */
export function unknownRuntime(
  { runtime: usual }: Pick<EngineFacts, 'runtime'>,
  { runtime = usual }: Settings,
): string | undefined {
  return known.test(runtime) ? undefined : runtime
}

/** Names of shims of containerd. Docker 23 and later starts them without having been configured for them. */
const shim = /^(\/|io\.containerd\.)/

/**
 * Why the engine cannot run containers by the runtime of `[executor]`; undefined: it can, as far as it tells.
 */
export function runtimeProblem(
  { runtime }: Settings,
  { podman, runtimes }: Pick<EngineFacts, 'podman' | 'runtimes'>,
): Failure | undefined {
  if (runtime === undefined) return undefined
  // Its API takes the field, and runs the container by the runtime of containers.conf.
  if (podman)
    return toFailure(
      'runtime-unknown',
      `podman takes no runtime from its callers, so runtime = ${runtime} of [executor] ` +
        "would have no effect: leave it out, and set runtime in [engine] of podman's containers.conf",
    )
  if (runtimes.includes(runtime) || shim.test(runtime)) return undefined
  return toFailure(
    'runtime-unknown',
    `the engine does not know the runtime ${runtime} of [executor]; ` +
      `it knows ${runtimes.join(', ')}: add ${runtime} to runtimes in the engine's daemon.json ` +
      'and reload the engine (systemctl reload docker), or set runtime to one that it knows',
  )
}
