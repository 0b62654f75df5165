/*
 * The networks of containers that have one of their own (`network = job`). A network has the name of its
 * container, and the same labels, so it is found again even if the call that made it timed out, or the
 * container was never made.
 */
import { fail, ok, type Result } from '../../../result.ts'
import { isPathPart } from '../../path-part.ts'
import type { Failure } from '../executor.ts'
import type { Engine, EngineFailure } from './engine.ts'
import { toFailure } from './failure.ts'
import { labels, nameOf } from './labels.ts'

/** The value of `network` by which each container gets a network of its own. */
export const ownNetwork = 'job'

/** Seconds in which the engine must make, or remove, a network: it changes rules of the firewall for that. */
const timeout = 60

/** Makes the network of a container. */
export async function createNetwork(
  engine: Engine,
  container: { id: string; name: string; group: string },
  runnerId: string,
): Promise<Result<void, Failure>> {
  const made = await engine.call(
    'make a network',
    (docker, abortSignal) =>
      docker.createNetwork({
        Name: container.name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Labels: {
          [labels.runner]: runnerId,
          [labels.executor]: container.id,
          [labels.group]: container.group,
        },
        // podman keeps only networks with this option apart. Docker does so with all, and ignores the option.
        Options: { isolate: 'true' },
        abortSignal,
      }),
    timeout,
  )
  return made.ok ? ok(undefined) : fail(explained(made.failure))
}

/** Removes the network of a container that is gone; succeeds if there is none. */
export async function removeNetwork(engine: Engine, name: string): Promise<Result<void, Failure>> {
  const removed = await engine.call(
    'remove a network',
    (docker, abortSignal) => docker.getNetwork(name).remove({ abortSignal }),
    timeout,
  )
  if (removed.ok || removed.failure.reason === 'not-found') return ok(undefined)
  const { reason, message } = removed.failure
  const away = reason === 'engine-unreachable' || reason === 'engine-timeout'
  // The container is gone, so a network that the engine holds on to takes no place of a job.
  return fail(away ? toFailure('executor-lost', message) : toFailure('files-left', `${name}: ${message}`))
}

/** The ids of the containers whose networks a runner has made; the containers may be gone. */
export async function networksOf(engine: Engine, runnerId: string): Promise<Result<string[], Failure>> {
  const listed = await engine.call('list its networks', (docker, abortSignal) =>
    docker.listNetworks({ filters: { label: [`${labels.runner}=${runnerId}`] }, abortSignal }),
  )
  if (!listed.ok) return fail(toFailure(listed.failure.reason, listed.failure.message))
  const ids = listed.value.flatMap(({ Name, Labels }) => {
    const id = Labels?.[labels.executor]
    // Anybody may have set the labels.
    return isPathPart(id) && Name === nameOf(id) ? [id] : []
  })
  return ok(ids)
}

/** The words of Docker and podman for "no address for a further network is left". */
const usedUp = /address pools?\b|subnet pools?\b/i

function explained({ message }: EngineFailure): Failure {
  if (!usedUp.test(message)) return toFailure('executor-not-started', message)
  return toFailure(
    'no-network',
    `the engine has no addresses left for another network, and network = job needs one for each container: ` +
      `remove networks that nothing uses (docker network prune), give the engine more and smaller ranges ` +
      `(default-address-pools in its daemon.json), or lower the capacity of this runner (${message})`,
  )
}
