/*
 * The rows of each table (that of runners is in runner-row.ts), and the default of each field that has one.
 * `empty…` completes a row when it is read: an earlier release may have written it without a field that has
 * come since, and this one leaves out each field that has its default. So a default never changes, and a new
 * field gets its own here. Where an earlier release would misread a row, a step in migrations.ts comes with
 * the change, and keeps that release from opening the store.
 *
 * `…Needs` are the fields that every release has written: they have no default, and a row without one of them
 * is damaged. Times are milliseconds since the epoch by the store's clock, unless the field says that it is
 * watched time.
 */
import type { AuditEntry } from '../protocol/messages/audit.ts'
import type { ExecutionOutcome } from '../protocol/messages/executions.ts'
import type { JobBody, Notify } from '../protocol/messages/jobs.ts'
import type { Phases, Resources } from '../protocol/messages/measures.ts'
import type { TokenKind } from '../protocol/messages/token-kinds.ts'
import type { Scope } from '../protocol/messages/tokens.ts'
import type { ExecutionState } from '../protocol/states.ts'
import type { LogTimes } from './log-times.ts'

/** The namespace of whatever names none, and of all that release 0.1.0 has written. */
export const defaultNamespace = 'default'

/** One attempt at a job. */
export interface ExecutionRow {
  id: string
  /** The id of the first attempt of the run, which all attempts of the run share. */
  group: string
  kind: 'plugin' | 'command' | 'script'
  image: string
  runner_group: string
  state: ExecutionState
  created_at: number
  /** From 1. */
  attempt: number
  job_name: string | null
  namespace: string
  /** The token of the submitter that asked for it and may see it; null: a token of another kind asked. */
  submitter: string | null
  /** Sorted. */
  capabilities: string[]
  priority: number
  concurrency: 'allow' | 'forbid' | 'queue' | 'replace'
  /**
   * The key that limits runs: at most `concurrency_limit` runs of the namespace with this key run at once.
   */
  concurrency_key: string | null
  concurrency_limit: number | null
  /**
   * It is not handed out while it is queued: before `not_before` (`time`), before other runs of its job have
   * ended (`turn`), before fewer runs with its `concurrency_key` run (`key`).
   */
  waits: 'time' | 'turn' | 'key' | null
  /** The watched time before which it is not handed out. */
  not_before: number | null
  /** The time of its schedule for which it was made; of all attempts of the run the same. */
  scheduled_for: number | null
  /** Why it runs late: the time of its schedule had been missed. */
  catch_up: 'outage' | 'paused' | 'clock' | null
  /** Seconds beyond which its run is late; null: it never is. */
  expected_seconds: number | null
  /**
   * The watched time at which its run is late, unless it has ended before or that was noticed; null: never.
   */
  late_at: number | null
  /**
   * The targets that are told about the run; null: those that the rules of the namespace name at that time.
   */
  notify: Notify | null
  /**
   * The digest of the image that the first attempt to report one has got: the attempts after it get the same;
   * null: not known.
   */
  image_digest: string | null
  /** The number of further attempts that are allowed. */
  retries_left: number
  /**
   * The watched time at which the state ends unless something happens: reservation, lease, late result,
   * queue.
   */
  deadline: number | null
  /** A script: the only runner that may have it. */
  target_runner_id: string | null
  /** The runner that holds the execution, or held it last. */
  runner_id: string | null
  node_name: string | null
  /** The session that reserved it. */
  session: number | null
  lease_id: string | null
  /**
   * A runner has listed it while it was queued, as after the restore of a backup: the runner is asked for its
   * confirm (`asked`) while the execution is reserved for it and handed out to nobody. That is once only
   * (`over`).
   */
  recall: 'asked' | 'over' | null
  /** The number of its reservations that were not confirmed. */
  unconfirmed: number
  /** The watched time at which it was queued; null in a row of release 0.1.0 (`queuedAt`). */
  queued_at: number | null
  /** The watched time at which its wait in the queue ends, whatever its state is now; null: no end. */
  queue_until: number | null
  started_at: number | null
  finished_at: number | null
  /** When an abort was asked for. */
  abort_at: number | null
  exit_code: number | null
  reason: string | null
  error_message: string | null
  /** The attempt that was queued because this one was lost, while that attempt can still be withdrawn. */
  next_id: string | null
  /** The lost attempt in whose place this one was queued, while the lost attempt may still come back. */
  previous_id: string | null
  /** The result as it was accepted: a result that is sent again is compared with it. */
  result: {
    lease_id: string
    outcome: ExecutionOutcome
    exit_code: number | null
    output_sha256: string | null
  } | null
  /** Seconds that its phases took; null: it has not ended, or no runner has told its end. */
  phases: Phases | null
  /** The resources that it used; null: not known. */
  resources: Resources | null
  abort_timeout_seconds: number | null
  /** The token that answers for this execution; for a named job, the token that defined the job. */
  owner: string | null
}

export const executionNeeds = ['id', 'group', 'kind', 'image', 'runner_group', 'state', 'created_at'] as const
export const emptyExecution: Omit<ExecutionRow, (typeof executionNeeds)[number]> = {
  attempt: 1,
  job_name: null,
  namespace: defaultNamespace,
  submitter: null,
  capabilities: [],
  priority: 0,
  concurrency: 'allow',
  concurrency_key: null,
  concurrency_limit: null,
  waits: null,
  not_before: null,
  scheduled_for: null,
  catch_up: null,
  expected_seconds: null,
  late_at: null,
  notify: null,
  image_digest: null,
  retries_left: 0,
  deadline: null,
  target_runner_id: null,
  runner_id: null,
  node_name: null,
  session: null,
  lease_id: null,
  recall: null,
  unconfirmed: 0,
  queued_at: null,
  queue_until: null,
  started_at: null,
  finished_at: null,
  abort_at: null,
  exit_code: null,
  reason: null,
  error_message: null,
  next_id: null,
  previous_id: null,
  result: null,
  phases: null,
  resources: null,
  abort_timeout_seconds: null,
  owner: null,
}

/**
 * The watched time at which an execution was queued. Release 0.1.0 set deadlines by the store's clock
 * instead.
 */
export function queuedAt({ queued_at, created_at }: ExecutionRow): number {
  return queued_at ?? created_at
}

/** The definition that a run was started with: a snapshot that all attempts of the run share. */
export interface DefinitionRow {
  group: string
  /** Without `input`, `env` and `secret_env`. */
  body: Omit<JobBody, 'input' | 'env' | 'secret_env'>
  /** `input`, `env` and `secret_env` as JSON, sealed at rest (seal-key.ts); empty: none of them. */
  sealed: string
}

/** A named job; its name is unique in its namespace. */
export interface JobRow {
  name: string
  namespace: string
  body: DefinitionRow['body']
  sealed: string
  /** The token that defined the job. */
  owner: string | null
}

export const jobNeeds = ['name', 'body', 'sealed'] as const
export const emptyJob: Omit<JobRow, (typeof jobNeeds)[number]> = {
  namespace: defaultNamespace,
  owner: null,
}

/** The key of a job among all jobs. */
export const jobKey = ({ namespace, name }: Pick<JobRow, 'namespace' | 'name'>): string =>
  namespace === defaultNamespace ? name : `${namespace}/${name}`

/** The job that a key names. */
export function nameOfKey(key: string): Pick<JobRow, 'namespace' | 'name'> {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: defaultNamespace, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** The output context of an execution. */
export interface OutputRow {
  execution_id: string
  /** Sealed at rest. */
  sealed: string
}

export interface GroupRow {
  name: string
  mode: 'all' | 'leader'
  leader_runner_id: string | null
  pinned_runner_id: string | null
}

export const groupNeeds = ['name', 'mode'] as const
export const emptyGroup: Omit<GroupRow, (typeof groupNeeds)[number]> = {
  leader_runner_id: null,
  pinned_runner_id: null,
}

export interface TokenRow {
  id: string
  kind: TokenKind
  name: string
  /** SHA-256 of its text, hexadecimal. */
  hash: string
  created_at: number
  /** The watched time at which it was made; 0 in a row of release 0.1.0: before all time that was watched. */
  watched_at: number
  expires_at: number | null
  last_used_at: number | null
  /** The runner of a runner's token. */
  runner_id: string | null
  session: number | null
  /**
   * Where it holds, `*` being everywhere; null: of a kind that knows no namespaces, or made by release 0.1.0.
   */
  namespaces: string[] | null
  /** The scope of a registration token; null: it allows everything. */
  scope: Scope | null
  /** The number of runners that have registered with a registration token. */
  uses: number
  /** The number of runner groups that registrations with this token were the first to name. */
  groups_made: number
}

export const tokenNeeds = ['id', 'kind', 'name', 'hash', 'created_at'] as const
export const emptyToken: Omit<TokenRow, (typeof tokenNeeds)[number]> = {
  watched_at: 0,
  expires_at: null,
  last_used_at: null,
  runner_id: null,
  session: null,
  namespaces: null,
  scope: null,
  uses: 0,
  groups_made: 0,
}

/** Everything about a log but its bytes. */
export interface LogRow {
  execution_id: string
  /** Bytes received; those of the middle may be dropped. */
  length: number
  /** The number of bytes of the beginning that are kept, once the limit is passed; else null. */
  head: number | null
  /** The offset at which the kept tail begins, once the limit is passed; else null. */
  tail: number | null
  /** The offset at which the search for markers goes on. */
  scanned: number
  comments: string[]
  status_line: string | null
  /** Length and SHA-256 as the result says; null before it. */
  final_length: number | null
  final_sha256: string | null
  /** The server had to mask something itself, so the hash cannot be compared. */
  masked: boolean
  complete: boolean
  /** When its bytes came; null: it began with a release that did not keep that. */
  times: LogTimes | null
}

export const logNeeds = ['execution_id', 'length'] as const
export const emptyLog: Omit<LogRow, (typeof logNeeds)[number]> = {
  head: null,
  tail: null,
  scanned: 0,
  comments: [],
  status_line: null,
  final_length: null,
  final_sha256: null,
  masked: false,
  complete: false,
  times: null,
}

export interface IdempotencyRow {
  token_id: string
  key: string
  body_sha256: string
  execution_id: string
  /** Watched time. */
  created_at: number
}

/** The value that is there once a server has made its first tokens. */
export const firstTokensKey = 'first-tokens'

/** A value by its name. */
export interface MetaRow {
  key: string
  value: string
}

/**
 * An entry of the audit log. The hash is over the fields that were written: so a field that comes later gets
 * no default.
 */
export type AuditRow = Omit<AuditEntry, 'before' | 'after' | 'problem'> &
  (
    | Pick<AuditEntry, 'before' | 'after'>
    /** `before` and `after` as JSON, sealed at rest. The hash is over them in clear. */
    | { sealed: string }
  )

export const auditNeeds = ['number', 'at', 'call', 'previous', 'hash'] as const
/** Fields that every entry has. */
export const emptyAudit = {
  token_kind: null,
  address: null,
  method: null,
  path: null,
  status: null,
  reason: null,
  request_id: null,
  before: null,
  after: null,
} as const satisfies Partial<AuditRow>
