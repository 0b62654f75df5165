/* A place for one job: a service account, which owns the pod that the job will be. */

import type { Clock } from '../../../edges.ts'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import type { ExecutorJob, Failure, JobHandle, Placed, Slot, SlotRef } from '../executor.ts'
import type { ClusterApi } from './api.ts'
import { KubernetesHandle } from './handle.ts'
import { JobRecords } from './kept.ts'
import { type KubernetesPlace, objectName, stateOf } from './names.ts'
import type { PodObject } from './objects.ts'
import { type Owner, podOf, type SlotObjects, secretOf } from './pod-spec.ts'
import type { PodWatch } from './pod-watch.ts'

/** Seconds between two tries to learn whether a pod was made, and in which it must be known. */
const retries = { after: 1, within: 300 }

export interface SlotContext {
  api: ClusterApi
  pods: PodWatch
  clock: Clock
  objects: SlotObjects
  owner: Owner
  /** The name by which the cluster is to pull the image. */
  image: string
  key: string
  pullSecrets: readonly string[]
}

const gone: Failure = { reason: 'executor-lost', message: 'the slot is gone', retry: 'soon' }

export class KubernetesSlot implements Slot {
  readonly ref: SlotRef
  readonly reusable = false
  alive = true
  readonly #context: SlotContext
  readonly #name: string

  constructor(context: SlotContext) {
    this.#context = context
    this.ref = { id: context.objects.slotId, key: context.key }
    this.#name = objectName(this.ref.id)
  }

  async clean(): Promise<'spoiled'> {
    return 'spoiled'
  }

  async place(job: ExecutorJob, keptDir: string): Promise<Result<Placed, Failure>> {
    if (job.plugin !== undefined) return fail(noPlugins)
    if (!this.alive) return fail(gone)
    const records = new JobRecords(keptDir)
    try {
      records.make()
    } catch (error) {
      return fail({ reason: 'spool-lost', message: `${keptDir}: ${errorText(error)}`, retry: 'soon' })
    }
    const { api, objects, owner } = this.#context
    if (Object.keys(job.secretEnv).length > 0) {
      const made = await api.create('secrets', secretOf(objects, owner, job))
      if (!made.ok) return made
    }
    const { id, limit, grace, signal } = job
    const place: KubernetesPlace = {
      slot_id: this.ref.id,
      job_id: id,
      limit,
      grace,
      ...(signal && { signal }),
    }
    return ok({
      state: stateOf(place),
      start: () => this.#start(job, place, keptDir),
      takeBack: () => this.#takeBack(job, records),
    })
  }

  async #takeBack(job: ExecutorJob, records: JobRecords): Promise<boolean> {
    try {
      records.remove()
    } catch {
      return false
    }
    if (Object.keys(job.secretEnv).length === 0) return true
    return (await this.#context.api.remove(`secrets/${this.#name}`)).ok
  }

  async #start(
    job: ExecutorJob,
    place: KubernetesPlace,
    keptDir: string,
  ): Promise<Result<JobHandle, Failure>> {
    const { api, pods, clock } = this.#context
    if (!this.alive) return fail(gone)
    const records = new JobRecords(keptDir)
    try {
      records.write('started', '')
    } catch (error) {
      return fail({ reason: 'spool-lost', message: `${keptDir}: ${errorText(error)}`, retry: 'soon' })
    }
    const made = await this.#makePod(job, place)
    if (!made.ok) {
      // The cluster has refused it, so it has not run and never will.
      if (made.failure.retry !== 'when-back') records.forget('started')
      return made
    }
    pods.put(made.value)
    return ok(
      new KubernetesHandle({
        api,
        pods,
        clock,
        state: stateOf(place),
        place,
        keptDir,
        slot: this.ref,
        onOver: () => {
          this.alive = false
        },
      }),
    )
  }

  /**
   * Makes the pod; a call without an answer may have made it, so that is found out before anything follows.
   */
  async #makePod(job: ExecutorJob, place: KubernetesPlace): Promise<Result<PodObject, Failure>> {
    const { api, objects, owner, image, pullSecrets, clock } = this.#context
    const pod = podOf(objects, owner, { image, job, place, pullSecrets })
    const late = clock.monotonic() + retries.within
    for (;;) {
      const made = await api.create<PodObject>('pods', pod)
      if (made.ok) return made
      const { reason, retry } = made.failure
      if (reason === 'conflict') return api.get<PodObject>(`pods/${this.#name}`)
      if (retry !== 'when-back' || clock.monotonic() > late) return made
      await clock.sleep(retries.after)
    }
  }
}

/** The failure of a plugin, which a cluster does not run yet. */
export const noPlugins: Failure = {
  reason: 'job-invalid',
  retry: 'never',
  message:
    'a runner with backend = kubernetes runs jobs of the kinds command and script so far: ' +
    'let a runner with backend = docker take plugins, by a capability',
}
