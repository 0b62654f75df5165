/* The rows that the model of the server (server-model.ts) has of each runner, execution and group. */
import type { ExecutionState } from '../../src/protocol/states.ts'

export interface ModelRunner {
  id: string
  session: number
  /** Registered, not called yet. */
  pending: number | null
  created: number
  group: string
  capabilities: string[]
  capacity: number
  enabled: boolean
  tainted: boolean
  deleted: boolean
  seenUntil: number
  pollUntil: number
  free: number | null
  state: 'ready' | 'draining' | 'left'
  misses: number
  unhealthyUntil: number
}

export interface ModelExecution {
  group: string
  attempt: number
  created: number
  runnerGroup: string
  capabilities: string[]
  priority: number
  job: string | null
  concurrency: 'allow' | 'forbid' | 'queue' | 'replace'
  key: string | null
  limit: number
  script: boolean
  retries: number
  /** From a failure to the next attempt. */
  delay: number
  state: ExecutionState
  /** `time` is the model's own; whether it waits for other runs is what the store says, and `linesAreRight` judges that. */
  waits: 'time' | 'turn' | 'key' | null
  notBefore: number
  /** It runs beside others that it should have waited for: a runner had it, or its job was defined anew. */
  beside: boolean
  ended: boolean
  deadline: number | null
  /** The time that an attempt may wait, and the end of this one's wait. */
  wait: number | null
  queueUntil: number | null
  runner: string | null
  session: number | null
  lease: string | null
  unconfirmed: number
  next: ModelExecution | null
  previous: ModelExecution | null
  result: string | null
  /** The number of times that a runner was told to go ahead. */
  confirms: number
  /** The number of times that it was lost, provisionally. */
  losses: number
}

export interface ModelGroup {
  mode: 'all' | 'leader'
  leader: string | null
  pinned: string | null
}
