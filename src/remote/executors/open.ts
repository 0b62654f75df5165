import type { ExecutorConfiguration } from '../../config/sections/executor.ts'
import type { Clock } from '../../edges.ts'
import { DockerBackend, type DockerBackendOptions, dockerFiles, dockerSlotsText } from './docker/backend.ts'
import { dockerName } from './docker/state.ts'
import type { ExecutorBackend, JobState, KeptFiles } from './executor.ts'
import { hostFiles, hostSlotsText } from './host/kept.ts'
import { hostName } from './host/paths.ts'
import { KubernetesKept } from './kubernetes/kept.ts'
import { kubernetesName, kubernetesSlotsText, placeOf } from './kubernetes/names.ts'

/** The options of any backend. */
export type BackendOptions = DockerBackendOptions

/** The runner whose slots and files are looked for. */
export interface SlotOwner {
  runnerId: string
  workDir: string
  clock: Clock
}

/** A backend, and what can be told of it without opening it. */
interface BackendEntry {
  /** Absent: `loadBackend` loads more for it, or no key of the configuration chooses this backend yet. */
  open?: OpenBackend
  /** The files that this backend has kept of a job; undefined: a newer release has placed the job. */
  keptFiles(state: JobState, keptDir: string, owner: SlotOwner): KeptFiles | undefined
  /** Describes all slots of a runner, so that a person can find them. */
  slotsText(owner: SlotOwner): string
}

const docker = {
  open: (options: BackendOptions) => new DockerBackend(options),
  keptFiles: (state, keptDir, { clock }) => dockerFiles(state, keptDir, clock),
  slotsText: ({ runnerId }) => dockerSlotsText(runnerId),
} satisfies BackendEntry

const host: BackendEntry = {
  keptFiles: hostFiles,
  slotsText: ({ runnerId, workDir }) => hostSlotsText(runnerId, workDir),
}

const kubernetes: BackendEntry = {
  keptFiles: (state, keptDir, { clock }) =>
    placeOf(state).ok ? new KubernetesKept(keptDir, clock) : undefined,
  slotsText: ({ runnerId }) => kubernetesSlotsText(runnerId),
}

/** The backends by the names that `JobState.backend` has. */
const backends = new Map<string, BackendEntry>([
  [dockerName, docker],
  [hostName, host],
  [kubernetesName, kubernetes],
])

/** Makes a backend. It calls nothing yet, so it cannot fail. */
export type OpenBackend = (options: BackendOptions) => ExecutorBackend

/** Makes that of Docker or podman on this host. */
export const openDocker: OpenBackend = docker.open

/** Loads what makes the backend for jobs that have an image: a client of Kubernetes is large. */
export async function loadBackend(name: ExecutorConfiguration['backend']): Promise<OpenBackend> {
  if (name === dockerName) return openDocker
  const { KubernetesBackend } = await import('./kubernetes/backend.ts')
  return options => new KubernetesBackend(options)
}

/**
 * Describes the slots that a runner has left in the backends for jobs with an image, so that a person can
 * find them.
 */
export const slotsTextOf = (owner: SlotOwner): string =>
  [docker, kubernetes].map(entry => entry.slotsText(owner)).join(', or ')

/**
 * Finds the kept files of a job without opening its backend; undefined: no backend of this release knows the
 * state.
 */
export const keptFiles = (state: JobState, keptDir: string, owner: SlotOwner): KeptFiles | undefined =>
  backends.get(state.backend)?.keptFiles(state, keptDir, owner)
