/*
 * The backend of a cluster of Kubernetes: each job is a pod. It calls the API server only when a caller needs
 * that, and in one namespace alone.
 */
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { Edges } from '../../../edges.ts'
import { fail, ok, type Result } from '../../../result.ts'
import { isPathPart } from '../../path-part.ts'
import type {
  ExecutorBackend,
  Facts,
  Failure,
  JobHandle,
  JobState,
  KeptFiles,
  Need,
  OpenFailure,
  Prepared,
  Requirement,
  Slot,
  SlotOptions,
  SlotRef,
} from '../executor.ts'
import { findCluster } from './access.ts'
import { ClusterApi } from './api.ts'
import { closeSlot } from './close.ts'
import { KubernetesHandle } from './handle.ts'
import { pulledAs, pullSecretsOf } from './image.ts'
import { JobRecords, KubernetesKept } from './kept.ts'
import { kubernetesName, kubernetesSlotsText, objectLabels, objectName, placeOf } from './names.ts'
import type { NamedObject, ObjectList, PodObject } from './objects.ts'
import { podOf, type SlotObjects, serviceAccountOf } from './pod-spec.ts'
import { PodWatch } from './pod-watch.ts'
import { missingRights } from './rights.ts'
import { KubernetesSlot, noPlugins } from './slot.ts'

export interface KubernetesBackendOptions {
  settings: ExecutorConfiguration
  /** The runner to which the objects belong. */
  runnerId: string
  env: NodeJS.ProcessEnv
  edges: Edges
}

interface PreparedImage extends Prepared {
  readonly image: string
  readonly pullSecrets: readonly string[]
}

/** The parts that exist once the cluster has been found. */
interface Parts {
  api: ClusterApi
  pods: PodWatch
  /** The id of the cluster. */
  id: string
  version: string
}

export class KubernetesBackend implements ExecutorBackend {
  readonly name: string = kubernetesName
  readonly #options: KubernetesBackendOptions
  #parts: Parts | undefined
  /** Those that may take a job, by their ids. */
  readonly #slots = new Map<string, KubernetesSlot>()

  constructor(options: KubernetesBackendOptions) {
    this.#options = options
  }

  get slotsText(): string {
    return kubernetesSlotsText(this.#options.runnerId)
  }

  async requirements(): Promise<readonly Requirement[]> {
    const { settings, env } = this.#options
    const found = findCluster(settings, env)
    if (!found.ok) return [{ name: 'cluster', found: '', problem: found.failure.message }]
    const { server, namespace } = found.value
    return [{ name: 'cluster', found: `${server}, namespace ${namespace}`, problem: undefined }]
  }

  /** Asks for all rights, and has the API server check a pod without making it. */
  async probe(): Promise<Result<Facts, Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const { api } = parts.value
    const missing = await missingRights(api)
    if (!missing.ok) return missing
    if (missing.value.length > 0) return fail(lacks(missing.value, api.namespace))
    const checked = await this.#dryRun(api)
    return checked.ok ? this.health() : checked
  }

  async health(): Promise<Result<Facts, Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const { api, id, version } = parts.value
    const lives = await api.get<ObjectList<PodObject>>('pods', { ...parts.value.pods.query, limit: 1 })
    if (!lives.ok) return lives
    return ok({
      id,
      system: `Kubernetes ${version}`,
      address: `${api.server}, namespace ${api.namespace}`,
      disks: [],
      makeRoom: undefined,
      slot: 'pod',
      capabilities: ['k8s'],
      once: 'each job is a pod of its own',
      plugins: false,
      outlives: 'runner',
      timeLimit: 'runner',
      tells: { oom: true, disk: true, neverStarted: true },
      measures: false,
      logWithoutRunner: true,
      logComes: 'by-line',
      diskLimit: {
        holds: 'files that a job writes in its container, and its log: the node evicts a pod that has more',
        gap: undefined,
      },
      tried: 'the cluster gives all rights, and would take a pod; none was started',
      notes: [`namespace ${api.namespace}`],
    })
  }

  async prepare({ image, digest, plugin = false }: Need): Promise<Result<PreparedImage, Failure>> {
    const { settings } = this.#options
    const found = pulledAs(image, digest, settings)
    if (!found.ok) return found
    if (plugin) return fail(noPlugins)
    const pullSecrets = pullSecretsOf(found.value, settings.pull_secret_mappings)
    return ok({ key: found.value, image: found.value, pullSecrets })
  }

  async open(prepared: PreparedImage, options: SlotOptions): Promise<Result<Slot, OpenFailure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const { api, pods } = parts.value
    const { slotId, group } = options
    const objects = this.#objectsOf(slotId, group)
    const ref = { id: slotId, key: prepared.key }
    const made = await api.create<NamedObject>('serviceaccounts', serviceAccountOf(objects))
    // Without an answer it may be there.
    if (!made.ok) return fail({ ...made.failure, left: ref })
    const { name, uid = '' } = made.value.metadata
    const { image, key, pullSecrets } = prepared
    const { clock } = this.#options.edges
    const owner = { name, uid }
    const slot = new KubernetesSlot({ api, pods, clock, objects, owner, image, key, pullSecrets })
    this.#slots.set(slotId, slot)
    return ok(slot)
  }

  async list(): Promise<Result<SlotRef[], Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const { api, pods } = parts.value
    const ids = new Set<string>()
    // A pod whose account was deleted by hand is still to be closed.
    for (const path of ['serviceaccounts', 'pods']) {
      const listed = await api.get<ObjectList<NamedObject>>(path, pods.query)
      if (!listed.ok) return listed
      for (const { metadata } of listed.value.items) ids.add(metadata.labels?.[objectLabels.executor] ?? '')
    }
    return ok([...ids].filter(isPathPart).map(id => ({ id, key: '' })))
  }

  async close({ id }: SlotRef): Promise<Result<void, Failure>> {
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const slot = this.#slots.get(id)
    if (slot !== undefined) slot.alive = false
    const closed = await closeSlot(parts.value.api, id, this.#options.edges.clock)
    if (closed.ok) this.#slots.delete(id)
    return closed
  }

  async recover(state: JobState, keptDir: string): Promise<Result<JobHandle, Failure>> {
    const found = placeOf(state)
    if (!found.ok) return found
    const records = new JobRecords(keptDir)
    if (!records.isThere) return fail(lost('its files are gone'))
    const parts = await this.#ready()
    if (!parts.ok) return parts
    const { api, pods } = parts.value
    const place = found.value
    const name = objectName(place.slot_id)
    const account = await api.get<NamedObject>(`serviceaccounts/${name}`)
    if (!account.ok && account.failure.reason !== 'not-found') return account
    const pod = await api.get<PodObject>(`pods/${name}`)
    if (pod.ok) pods.put(pod.value)
    else if (pod.failure.reason !== 'not-found') return pod
    // A job that was put on record before its pod was made may have run.
    else if (records.exit === undefined && records.read('started') !== undefined)
      return fail(lost('its pod is gone'))
    const slot = account.ok ? { id: place.slot_id, key: '' } : undefined
    const { clock } = this.#options.edges
    return ok(new KubernetesHandle({ api, pods, clock, state, place, keptDir, slot }))
  }

  kept(_state: JobState, keptDir: string): KeptFiles {
    return new KubernetesKept(keptDir, this.#options.edges.clock)
  }

  /** The nodes remove images. */
  async reclaim(): Promise<void> {}

  /** Finds the cluster, once. */
  async #ready(): Promise<Result<Parts, Failure>> {
    if (this.#parts !== undefined) return ok(this.#parts)
    const { settings, env, runnerId, edges } = this.#options
    const found = findCluster(settings, env)
    if (!found.ok) return found
    const api = new ClusterApi(found.value, edges.clock)
    const version = await api.get<{ gitVersion: string }>('/version')
    if (!version.ok) return version
    this.#parts ??= {
      api,
      pods: new PodWatch(api, runnerId, edges.clock),
      id: `${api.server}/${api.namespace}`,
      version: version.value.gitVersion,
    }
    return ok(this.#parts)
  }

  #objectsOf(slotId: string, group: string): SlotObjects {
    const { settings, runnerId } = this.#options
    return { settings, runnerId, slotId, group }
  }

  /** Has the API server look at a pod as those of jobs are, with all that it checks, and make none. */
  async #dryRun(api: ClusterApi): Promise<Result<unknown, Failure>> {
    const { edges } = this.#options
    const slotId = edges.chance.id()
    const slot = this.#objectsOf(slotId, '')
    const place = { slot_id: slotId, job_id: slotId, limit: 1, grace: 1 }
    const job = { id: slotId, command: ['true'], env: {}, secretEnv: {}, limit: 1, grace: 1 }
    const plan = { image: 'example.invalid/none:1', job, place, pullSecrets: [] }
    const pod = podOf(slot, undefined, plan)
    return api.create('pods', pod, { dryRun: 'All' })
  }
}

const lost = (message: string): Failure => ({ reason: 'lost', message, retry: 'never' })

const lacks = (missing: readonly string[], namespace: string): Failure => ({
  reason: 'engine-refused',
  retry: 'when-back',
  message:
    `rights are missing in the namespace ${namespace} (${missing.join(', ')}): ` +
    'give the service account of runner the Role of deploy/kubernetes/rbac.yaml',
})
