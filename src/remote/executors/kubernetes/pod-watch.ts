/* The pods of one runner, as the cluster has them, seen by one list and one watch for all jobs. */
import type { Clock } from '../../../edges.ts'
import { Notifier, pause } from '../../../system/wait.ts'
import type { ClusterApi } from './api.ts'
import { objectLabels } from './names.ts'
import type { ObjectList, PodObject } from './objects.ts'

/** Seconds between two tries to reach the API server. */
const retryAfter = 1

/** The known facts of a pod. */
export interface SeenPod {
  /** Whether the cluster has it no more. */
  gone: boolean
  /** The object that was seen last. */
  pod: PodObject
}

/** Watches while somebody wants to know; a runner without a job makes no call. */
export class PodWatch {
  readonly #api: ClusterApi
  readonly #selector: string
  readonly #clock: Clock
  readonly #pods = new Map<string, SeenPod>()
  readonly #changed = new Notifier()
  /** The number of watchers of each pod. */
  readonly #watchers = new Map<string, number>()
  #over: AbortController | undefined

  constructor(api: ClusterApi, runnerId: string, clock: Clock) {
    this.#api = api
    this.#selector = `${objectLabels.runner}=${runnerId}`
    this.#clock = clock
  }

  /** The labels that find the pods of this runner. */
  get query(): { labelSelector: string } {
    return { labelSelector: this.#selector }
  }

  /** Notified when something about a pod has changed. */
  get changed(): Notifier {
    return this.#changed
  }

  /** A pod as it is known; undefined: it has not been seen. */
  seen(name: string): SeenPod | undefined {
    return this.#pods.get(name)
  }

  /** Takes what a call has said of a pod. */
  put(pod: PodObject): void {
    const { name } = pod.metadata
    if (this.#pods.get(name)?.gone !== true) this.#pods.set(name, { gone: false, pod })
    this.#changed.notify()
  }

  /** Watches a pod until the result is disposed of; the last one who does makes the watch forget it. */
  begin(name: string): Disposable {
    if (this.#watchers.size === 0) {
      this.#over = new AbortController()
      void this.#run(this.#over.signal)
    }
    this.#watchers.set(name, (this.#watchers.get(name) ?? 0) + 1)
    return { [Symbol.dispose]: () => this.#end(name) }
  }

  #end(name: string): void {
    const left = (this.#watchers.get(name) ?? 0) - 1
    if (left > 0) return void this.#watchers.set(name, left)
    this.#watchers.delete(name)
    this.#pods.delete(name)
    if (this.#watchers.size === 0) this.#over?.abort()
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A pod that is made while the list is under way need not be in it.
      const before = [...this.#pods.keys()]
      const listed = await this.#api.get<ObjectList<PodObject>>('pods', this.query)
      if (signal.aborted) return
      if (!listed.ok) {
        await pause(this.#clock, retryAfter, new Notifier(), signal)
        continue
      }
      this.#replace(listed.value.items, before)
      for await (const { type, object } of this.#api.watch<PodObject>(
        'pods',
        this.query,
        listed.value,
        signal,
      )) {
        if (type === 'ERROR') break
        if (type === 'BOOKMARK') continue
        this.#see({ gone: type === 'DELETED', pod: object })
        this.#changed.notify()
      }
    }
  }

  /** Keeps what is known of pods that somebody watches. */
  #see(seen: SeenPod): void {
    const { name } = seen.pod.metadata
    if (this.#watchers.has(name)) this.#pods.set(name, seen)
  }

  #replace(pods: readonly PodObject[], before: readonly string[]): void {
    const names = new Set(pods.map(({ metadata }) => metadata.name))
    for (const pod of pods) this.#see({ gone: false, pod })
    for (const name of before) {
      const seen = this.#pods.get(name)
      if (seen !== undefined && !names.has(name)) this.#pods.set(name, { ...seen, gone: true })
    }
    this.#changed.notify()
  }
}
