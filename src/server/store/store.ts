/*
 * What the server keeps, as the rest of it sees it: rows, and what can be asked of them. One interface, one suite of
 * tests (test/server/store), two engines: SQLite beside its files, and PostgreSQL.
 *
 * Every change is made by a *writer*: a function that reads rows, decides, and puts rows back. Writers run one after
 * the other, so whatever two of them race for, the first decides; those that arrive together share one transaction,
 * and are answered when it is on disk, as far as they are to be durable. A writer that fails has changed nothing. Rows
 * are values: never change one, put another.
 *
 * Times are milliseconds since the epoch by the store's clock; deadlines are *watched time* (watch.ts), which stands
 * still while no sweep looks and does not jump.
 */

import type { JobBody, Outcome, TokenKind } from '../../protocol/messages.ts'
import type { ExecutionState } from '../../protocol/states.ts'
import type { Watch } from './watch.ts'

/** One attempt at a job. */
export interface ExecutionRow {
  id: string
  /** The id of all attempts of one run: that of the first. */
  group: string
  /** From 1. */
  attempt: number
  job_name: string | null
  kind: 'plugin' | 'command' | 'script'
  image: string
  runner_group: string
  /** Sorted. */
  capabilities: string[]
  priority: number
  concurrency: 'allow' | 'forbid'
  /** How many more attempts there may be. */
  retries_left: number
  state: ExecutionState
  /** The watched time at which the state ends unless something happens: reservation, lease, late result, queue. */
  deadline: number | null
  /** A script: the only runner that may have it. */
  target_runner_id: string | null
  /** Who holds it, or held it last. */
  runner_id: string | null
  node_name: string | null
  /** The session that reserved it. */
  session: number | null
  lease_id: string | null
  /** Reservations that nobody confirmed. */
  unconfirmed: number
  created_at: number
  /** The watched time at which it was queued; rows of release 0.1.0 have none. */
  queued_at?: number
  /** The end of its wait in the queue, as watched time, whatever its state is now; null: none. */
  queue_until: number | null
  started_at: number | null
  finished_at: number | null
  /** When an abort was asked for. */
  abort_at: number | null
  exit_code: number | null
  reason: string | null
  error_message: string | null
  /** The attempt queued because this one was lost, as long as it can still be withdrawn. */
  next_id: string | null
  /** The lost attempt in whose place this one was queued, as long as that one may come back. */
  previous_id: string | null
  /** The result as it was accepted, to know it when it is sent again. */
  result: {
    lease_id: string
    outcome: Outcome
    exit_code: number | null
    output_sha256: string | null
  } | null
  abort_timeout_seconds: number | null
  /** The token whose holder is answerable for what runs: of a named job, who defined it. Absent in older rows. */
  owner?: string | undefined
}

/** What a run was asked to do: a snapshot that all attempts of a group share. */
export interface DefinitionRow {
  group: string
  /** Without `input`, `env` and `secret_env`. */
  body: Omit<JobBody, 'input' | 'env' | 'secret_env'>
  /** `input`, `env` and `secret_env` as JSON, sealed at rest (keys.ts); empty: none of them. */
  sealed: string
}

/** A named job. */
export interface JobRow {
  name: string
  body: DefinitionRow['body']
  sealed: string
  /** The token by which it was defined; absent in older rows. */
  owner?: string | undefined
}

/** What the registration of a runner says of it, where no operator set it. */
export interface Said {
  capabilities: string[]
  runner_group: string
  taints: string[]
  metadata: Record<string, string>
}

/** A session that its first call brings in force. */
export interface PendingSession {
  session: number
  token_id: string
  /** base64, sealed at rest. */
  data_key: string
  name: string
  version: string
  said: Said
}

export interface RunnerRow {
  id: string
  name: string
  version: string
  /** SPKI PEM. */
  public_key: string
  created_at: number
  /** What its registration says. */
  said: Said
  /** What an operator set; stands over `said`. */
  set: {
    enabled?: boolean
    capacity?: number
    eviction_time_seconds?: number
    abort_timeout_seconds?: number
    capabilities?: string[]
    taints?: string[]
    runner_group?: string
  }
  /** The session in force; 0 before the first call of the first one. */
  session: number
  /** base64 of the data key, sealed at rest; of the session in force. */
  data_key: string | null
  /** Registrations whose tokens have not been used yet, the oldest first: until then they change nothing else. */
  pending: PendingSession[]
  /** Connected until then, if nothing more is heard. */
  seen_until: number
  /** A reserve counts until then. */
  reserve_until: number
  last_heartbeat_at: number | null
  state: 'ready' | 'draining' | 'left'
  /** After `leave`: when its leases end. */
  back_until: number | null
  /** As its last heartbeat said; null before the first. */
  free_slots: number | null
  executors: { image: string; state: string }[]
  clock_difference_seconds: number | null
  /** Reservations in a row that it did not confirm. */
  misses: number
  /** Passed over until then. */
  unhealthy_until: number | null
  /** When the sweep looked at it last; before that, when it was made. */
  looked_at: number
  deleted_at: number | null
}

export interface GroupRow {
  name: string
  mode: 'all' | 'leader'
  leader_runner_id: string | null
  pinned_runner_id: string | null
}

export interface TokenRow {
  id: string
  kind: TokenKind
  name: string
  /** SHA-256 of its text, hexadecimal. */
  hash: string
  created_at: number
  /** The watched time at which it was made; tokens of release 0.1.0 have none. */
  watched_at?: number
  expires_at: number | null
  last_used_at: number | null
  /** Of a runner's token. */
  runner_id: string | null
  session: number | null
}

/** What is known of a log beside its bytes. */
export interface LogRow {
  execution_id: string
  /** Bytes received; those of the middle may be dropped. */
  length: number
  /** What is kept of the beginning, once the limit is passed; else null. */
  head: number | null
  /** Where the kept tail begins, once the limit is passed. */
  tail: number | null
  /** Where the search for markers goes on. */
  scanned: number
  comments: string[]
  status_line: string | null
  /** Length and SHA-256 as the result says; null before it. */
  final_length: number | null
  final_sha256: string | null
  /** Whether the server had to mask something itself: then the hash cannot be compared. */
  masked: boolean
  complete: boolean
}

export interface IdempotencyRow {
  token_id: string
  key: string
  body_sha256: string
  execution_id: string
  /** Watched time. */
  created_at: number
}

export interface ExecutionFilter {
  id?: string
  states?: readonly ExecutionState[]
  job_name?: string
  group?: string
  runner_id?: string
}

/** A page: `after` is the key of the last row of the page before. */
export interface Page {
  limit: number
  after?: string
}

/**
 * Makes what stands in a list for a row that cannot be read, so that it is shown as that. Without it a list of
 * executions or runners leaves such rows out, and any other one fails.
 */
export type Unreadable<T> = (id: string) => T

/** Rows, as they are in this transaction: what was put before is seen. */
export interface Reader {
  /** The store's clock, the same for all of one writer: for what is shown and written down. */
  readonly now: number
  /** The time that sweeps have watched (watch.ts), in milliseconds: deadlines are set and judged by it alone. */
  readonly watched: number
  execution(id: string): Promise<ExecutionRow | undefined>
  /** The latest first. An `after` that is not there gives nothing. */
  listExecutions<T = never>(
    filter: ExecutionFilter,
    page: Page,
    unreadable?: Unreadable<T>,
  ): Promise<(ExecutionRow | T)[]>
  /** Reserved, running and aborting ones of these runners, by their age and then id. */
  heldBy(runnerIds: readonly string[]): Promise<ExecutionRow[]>
  /** Whether an attempt of the job is queued, reserved, running, aborting or provisionally lost. */
  hasActive(jobName: string): Promise<boolean>
  /** How many queued executions of its runner group go before this one, by priority and then age; at most `limit`. */
  countBefore(row: ExecutionRow, limit: number): Promise<number>
  /** Executions by state, for the metrics; ended ones that are still kept among them. */
  countExecutions(): Promise<Partial<Record<ExecutionState, number>>>
  /** How many executions wait in each runner group where one does, and since when the oldest was made. */
  waiting(): Promise<{ runner_group: string; count: number; since: number }[]>
  definition(group: string): Promise<DefinitionRow | undefined>
  /** Many at once, by group; those that are not there, or damaged, are left out. */
  definitions(groups: readonly string[]): Promise<Map<string, DefinitionRow>>
  /** The output context, sealed at rest. */
  output(executionId: string): Promise<string | undefined>
  job(name: string): Promise<JobRow | undefined>
  /** By name. */
  listJobs<T = never>(unreadable?: Unreadable<T>): Promise<(JobRow | T)[]>
  runner(id: string): Promise<RunnerRow | undefined>
  /** Many at once; those that are not there are left out. */
  runners(ids: readonly string[]): Promise<RunnerRow[]>
  /** The oldest first. */
  listRunners<T = never>(page: Page, unreadable?: Unreadable<T>): Promise<(RunnerRow | T)[]>
  /** All that may be in a group: said or set. */
  runnersOf(group: string): Promise<RunnerRow[]>
  group(name: string): Promise<GroupRow | undefined>
  /** By name. */
  listGroups<T = never>(page: Page, unreadable?: Unreadable<T>): Promise<(GroupRow | T)[]>
  tokenByHash(hash: string): Promise<TokenRow | undefined>
  token(id: string): Promise<TokenRow | undefined>
  /** The oldest first; a runner's own tokens are not listed. */
  listTokens<T = never>(page: Page, unreadable?: Unreadable<T>): Promise<(TokenRow | T)[]>
  log(executionId: string): Promise<LogRow | undefined>
  /** Bytes of a log; fewer where they end or where some were dropped, none at the end. */
  readLog(executionId: string, offset: number, length: number): Promise<Buffer>
  idempotency(tokenId: string, key: string): Promise<IdempotencyRow | undefined>
  /** A value by its name: the sweeper's tick, for example. */
  meta(key: string): Promise<string | undefined>
}

export interface Writer extends Reader {
  /** One that is there already must have been read. */
  putExecution(row: ExecutionRow): void
  /** The distinct queues (`queueOf`) in which something waits. */
  queues(): Promise<string[]>
  /** The first `limit` queued executions of each of these queues that are no scripts, by priority and then age. */
  queueHeads(queues: readonly string[], limit: number): Promise<ExecutionRow[]>
  /** At most `limit` executions whose deadline has come, the earliest first. */
  due(limit: number): Promise<ExecutionRow[]>
  /** At most `limit` runners whose `checkAt`, as it was when they were put, has come, the earliest first. */
  dueRunners(limit: number): Promise<RunnerRow[]>
  /**
   * Moves every deadline to `later` after itself, or after the watched time `from` where it has passed: of executions,
   * and of runners as far as it had not passed at `since`, so that one that was gone before does not come back.
   */
  postponeAll(later: number, since: number, from: number): Promise<void>
  putDefinition(row: DefinitionRow): void
  putOutput(executionId: string, sealed: string): void
  putJob(row: JobRow): void
  deleteJob(name: string): Promise<boolean>
  putRunner(row: RunnerRow): void
  putGroup(row: GroupRow): void
  putToken(row: TokenRow): void
  deleteToken(id: string): Promise<boolean>
  /** Removes the tokens of a runner except that of one session. */
  deleteRunnerTokens(runnerId: string, except?: number): Promise<void>
  /** Once `final_length` is known, its bytes are on disk before the row is. */
  putLog(row: LogRow): void
  /**
   * Puts bytes at an offset that is at most the length kept so far; over bytes that are there too. They count as far
   * as the `length` of the log's row, which is put beside them.
   */
  writeLog(executionId: string, offset: number, bytes: Uint8Array): Promise<void>
  /** Drops kept bytes between two offsets, as far as that can be done in whole pieces. */
  dropLog(executionId: string, from: number, to: number): Promise<void>
  putIdempotency(row: IdempotencyRow): void
  setMeta(key: string, value: string): void
  /** Removes ended executions of before `time` with all that belongs to them, at most `limit`; says how many. */
  removeEnded(time: number, limit: number): Promise<number>
  /** Removes idempotency keys of before the watched time `time`, at most `limit`; says how many. */
  removeKeys(time: number, limit: number): Promise<number>
  /** Removes runners' tokens of sessions that have been over since `time`, at most `limit`; says how many. */
  removeTokens(time: number, limit: number): Promise<number>
  /**
   * Tells those who wait when the transaction is known to be kept; of queues and slots before that: what these then
   * write is in it or behind it.
   */
  notify(topic: Topic): void
  /** The change must be on disk when the writer resolves, whatever `durable` said. */
  durably(): void
}

/** What may have changed: for those who wait for it. */
export type Topic =
  | { about: 'queue'; queue: string }
  /** What its command channel says, or whether it may take work. */
  | { about: 'runner'; id: string }
  /** It has a free slot again: for its reserve alone. */
  | { about: 'slot'; runner_id: string }
  | { about: 'execution'; id: string }
  | { about: 'log'; id: string }
  | { about: 'tokens' }

export interface WriteOptions {
  /** Rows that the writer will ask for: all of a batch are read at once. */
  executions?: readonly string[]
  runners?: readonly string[]
  definitions?: readonly string[]
  logs?: readonly string[]
  jobs?: readonly string[]
  groups?: readonly string[]
  /** Runners of whose groups the writer will ask for the rows. */
  groupsOf?: readonly string[]
  idempotency?: readonly { token_id: string; key: string }[]
  /** Runners of which the writer will ask `heldBy`. */
  held?: readonly string[]
  /** At most so many `queueHeads` of a queue the writer will ask for, and their definitions. */
  heads?: number
  /** Default true. A lease needs no fsync of its own: false, as long as nothing in the batch says otherwise. */
  durable?: boolean
}

/** The two times of a transaction. */
export type Moment = Pick<Reader, 'now' | 'watched'>

export interface Store extends AsyncDisposable {
  readonly engine: 'sqlite' | 'postgres'
  readonly watch: Watch
  /**
   * Runs a writer once; resolves when what it changed is on disk, or only kept where it need not be. Throws what the
   * writer throws, and a `StoreFailure` where the store does not work: then nothing was changed, unless it was the
   * commit itself that failed.
   */
  write<T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions): Promise<T>
  /** Reads what is committed, all of it as it was at one moment. Throws a `StoreFailure` where that cannot be done. */
  read<T>(reader: (tx: Reader) => Promise<T>): Promise<T>
  /** Calls back for every notified topic, after its transaction; returns what ends that. */
  subscribe(listener: (topic: Topic) => void): () => void
  /** Fails where the store cannot be written to. */
  check(): Promise<void>
  /** Seconds that transactions took, for the metrics. */
  onTransaction(listener: (seconds: number, writers: number) => void): void
}

/** The queue of an execution: those that the same runners can take. */
export function queueOf(row: Pick<ExecutionRow, 'runner_group' | 'capabilities'>): string {
  return `${row.runner_group} ${row.capabilities.join(',')}`
}

/** What `queueOf` put together. */
export function partsOfQueue(queue: string): Pick<ExecutionRow, 'runner_group' | 'capabilities'> {
  const [runner_group = '', capabilities = ''] = queue.split(' ')
  return { runner_group, capabilities: capabilities === '' ? [] : capabilities.split(',') }
}

/**
 * The watched time at which a runner may be something else although nobody has put it: not connected any more, or
 * healthy again.
 */
export function checkAt(row: RunnerRow, now: number): number | null {
  const times = [row.seen_until, row.free_slots ? row.reserve_until : 0, row.unhealthy_until ?? 0]
  const looked = Math.min(row.looked_at, now)
  const first = Math.min(...times.filter(time => time > looked))
  return Number.isFinite(first) ? first : null
}
