/* The row of a runner, with its defaults; rows.ts says what holds for all rows. */
import type { RunnerFeature } from '../protocol/messages/runner-features.ts'
import type { HostFacts } from '../system/host-facts.ts'

/**
 * The facts that a runner's registration gives; an operator's settings override them. All but the taints are
 * fixed by the latest registration with a registration token.
 */
export interface Reported {
  capabilities: string[]
  runner_group: string
  taints: string[]
  metadata: Record<string, string>
}

/** All that a registration says of a runner; the first call of its session brings it in force. */
export interface RegisteredFacts {
  name: string
  version: string
  said: Reported
  /** The facts that its host has told; empty if it told none. */
  host: HostFacts
  /** Its abilities beyond those of release 0.1.0. */
  features: RunnerFeature[]
}

/** A session that takes effect with its first call. */
export interface PendingSession extends Omit<RegisteredFacts, 'host' | 'features'> {
  session: number
  token_id: string
  /** The data key in base64, sealed at rest. */
  data_key: string
  /** These are absent in a row of release 0.1.0. */
  host?: HostFacts
  features?: RunnerFeature[]
  credentials_until?: number | null
}

export interface RunnerRow extends RegisteredFacts {
  id: string
  /** The public key as SPKI in PEM. */
  public_key: string
  created_at: number
  /** The settings of an operator, which override `said`. */
  set: {
    enabled?: boolean
    capacity?: number
    eviction_time_seconds?: number
    abort_timeout_seconds?: number
    capabilities?: string[]
    taints?: string[]
    runner_group?: string
  }
  /** The session in force; 0 before the first call of the first session. */
  session: number
  /** base64 of the data key of the session in force, sealed at rest. */
  data_key: string | null
  /** When the token of the session in force expires; null: never. */
  credentials_until: number | null
  /**
   * Registrations whose tokens have not been used yet, the oldest first: until then they change nothing else.
   */
  pending: PendingSession[]
  /** The registration tokens that have counted it as a use, the latest last. */
  registered_with: string[]
  /** The watched time until which the runner counts as connected, if nothing more is heard of it. */
  seen_until: number
  /** The watched time until which its latest reserve counts. */
  reserve_until: number
  last_heartbeat_at: number | null
  state: 'ready' | 'draining' | 'left'
  /** After `leave`: the watched time at which its leases end. */
  back_until: number | null
  /** The number in its last heartbeat; null before the first. */
  free_slots: number | null
  /** Why it can start no job, as its last heartbeat reported; null: it can. */
  unable_because: string | null
  executors: { image: string; state: string }[]
  clock_difference_seconds: number | null
  /** Reservations in a row that the runner did not confirm. */
  misses: number
  /** The watched time until which the runner is passed over. */
  unhealthy_until: number | null
  /** The watched time at which the sweep looked at it last; before that, at which it was made. */
  looked_at: number
  deleted_at: number | null
}

export const runnerNeeds = ['id', 'name', 'public_key', 'created_at', 'said'] as const
export const emptyRunner: Omit<RunnerRow, (typeof runnerNeeds)[number]> = {
  version: '',
  host: {},
  features: [],
  set: {},
  session: 0,
  data_key: null,
  credentials_until: null,
  pending: [],
  registered_with: [],
  seen_until: 0,
  reserve_until: 0,
  last_heartbeat_at: null,
  state: 'ready',
  back_until: null,
  free_slots: null,
  unable_because: null,
  executors: [],
  clock_difference_seconds: null,
  misses: 0,
  unhealthy_until: null,
  looked_at: 0,
  deleted_at: null,
}
