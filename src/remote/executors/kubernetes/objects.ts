/* The parts of the objects of Kubernetes that this backend reads, as JSON has them: times are texts. */

export interface ObjectMeta {
  name: string
  uid?: string
  labels?: Record<string, string>
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
}

export interface ObjectList<T> {
  metadata: { resourceVersion: string }
  items: T[]
}

/** A service account, or any other object of which only the name matters. */
export interface NamedObject {
  metadata: ObjectMeta
}

export interface PodObject {
  metadata: ObjectMeta
  spec?: { nodeName?: string }
  status?: {
    phase?: string
    /** The reason of the whole pod: `Evicted`, `DeadlineExceeded`. */
    reason?: string
    message?: string
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
    containerStatuses?: ContainerStatus[]
  }
}

export interface ContainerStatus {
  name: string
  containerID?: string
  state?: {
    waiting?: { reason?: string; message?: string }
    running?: { startedAt: string }
    terminated?: Termination
  }
}

export interface Termination {
  exitCode: number
  reason?: string
  message?: string
  startedAt?: string | null
  finishedAt?: string | null
}

/** One line of a watch. */
export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: T
}

/** The answer of the API server in place of an object. */
export interface StatusObject {
  reason?: string
  message?: string
  code?: number
}
