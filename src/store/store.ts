/*
 * The store of the server: rows (rows.ts), and the questions and changes that the rest of the server may ask
 * for. One interface, one suite of tests (test/store/conformance.ts), two engines: SQLite beside its files,
 * and PostgreSQL.
 *
 * Every change is made by a *writer*: a function that reads rows, decides, and puts rows back. Writers run
 * one after the other, so whatever two of them race for, the first decides; those that arrive together share
 * one transaction, and are answered when it is on disk, as far as they are to be durable. A writer that fails
 * has changed nothing. Rows are values: never change one, put another.
 *
 * Times are milliseconds since the epoch by the store's clock; deadlines are *watched time*
 * (watched-time.ts), which stands still while no sweep looks and does not jump.
 */

import type { AuditFacts } from '../protocol/audit-chain.ts'
import type { ChainEnd } from '../protocol/messages/audit.ts'
import type { ExecutionState, NoticeState } from '../protocol/states.ts'
import type { BrowserCodeRow, BrowserSessionRow } from './browser-rows.ts'
import type { ChangesRow } from './change.ts'
import type { UnreadableReason } from './failure.ts'
import type { Line } from './queue.ts'
import type {
  AuditRow,
  DefinitionRow,
  ExecutionRow,
  GroupRow,
  IdempotencyRow,
  JobRow,
  LogRow,
  TokenRow,
} from './rows.ts'
import type { RunnerRow } from './runner-row.ts'
import type { BucketRow, MissedRow, NoticeRow, ScheduleRow } from './schedule-rows.ts'
import type { Topic } from './topic.ts'
import type { WatchedTime } from './watched-time.ts'

export interface ExecutionFilter {
  id?: string
  /** Only ids from the first to the second, both included: ids begin with the time at which they were made. */
  ids?: readonly [first: string, last: string]
  states?: readonly ExecutionState[]
  job_name?: string
  group?: string
  runner_id?: string
  /** Only those in one of these namespaces. */
  namespaces?: readonly string[]
  /** Only those that this token of a submitter has asked for. */
  submitter?: string
}

export interface AuditFilter {
  /** The id of a token, or the name that it had. */
  token?: string
  call?: string
  namespace?: string
  object?: string
  /** From this time on. */
  since?: number
  /** Before this time. */
  until?: number
}

export interface NoticeFilter {
  states?: readonly NoticeState[]
  target?: string
  /** Only those about something in one of these namespaces. */
  namespaces?: readonly string[]
}

/** Entries of the audit log from one number to below another, and how many of them at most. */
export interface AuditRange {
  from: number
  below: number
  limit: number
}

/** The name of a job, in its namespace. */
export type JobName = Pick<JobRow, 'namespace' | 'name'>

/** A page: `after` is the key of the last row of the page before. */
export interface Page {
  limit: number
  after?: string | undefined
}

/**
 * Makes what stands in a list for a row that cannot be read, so that it is shown as that. Without it a list
 * of executions or runners leaves such rows out, and any other one fails.
 */
export type StandIn<T> = (id: string, reason: UnreadableReason) => T

/** Rows, as they are in this transaction: what was put before is seen. */
export interface Reader {
  /** The store's clock, the same for all of one writer: for what is shown and written down. */
  readonly now: number
  /**
   * The time that sweeps have watched (watched-time.ts), in milliseconds: deadlines are set and judged by it
   * alone.
   */
  readonly watched: number
  execution(id: string): Promise<ExecutionRow | undefined>
  /** The latest first. An `after` that is not there gives nothing. */
  listExecutions<T = never>(
    filter: ExecutionFilter,
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(ExecutionRow | T)[]>
  /** Reserved, running and aborting ones of these runners, by their age and then id. */
  heldBy(runnerIds: readonly string[]): Promise<ExecutionRow[]>
  /** Whether an attempt of the job is queued, reserved, running, aborting or provisionally lost. */
  hasActive(job: JobName): Promise<boolean>
  /** The attempts of a job for which `hasActive` is true, the oldest first, but for those that wait for a turn. */
  activeRuns(job: JobName, limit: number): Promise<ExecutionRow[]>
  /** How many runs of a job wait for a turn; at most `limit`. Those that catch up are not counted. */
  countTurns(job: JobName, limit: number): Promise<number>
  /** The first of those that wait in a line: for a turn by age, for a key by priority and then age. */
  lineHeads(line: Line, limit: number): Promise<ExecutionRow[]>
  /**
   * How many runs of a namespace with this concurrency key have an attempt that has not ended, and wait neither for a
   * turn nor for the key; at most `limit`.
   */
  countRuns(namespace: string, key: string, limit: number): Promise<number>
  /** At most `limit` executions that wait for a time which has come, the earliest first. */
  releasable(limit: number): Promise<ExecutionRow[]>
  /**
   * How many queued executions of its runner group go before this one, by priority and then age; at most
   * `limit`.
   */
  countBefore(row: ExecutionRow, limit: number): Promise<number>
  /** Whether an execution is queued for this runner group, scripts aside. */
  isAwaited(runnerGroup: string): Promise<boolean>
  /** How many executions of a namespace are queued; at most `limit`. */
  countQueued(namespace: string, limit: number): Promise<number>
  /** Executions by state, for the metrics; ended ones that are still kept among them. */
  countExecutions(): Promise<Partial<Record<ExecutionState, number>>>
  /**
   * Each runner group with queued executions, scripts aside: how many there are, and when the oldest one was
   * made; now where its row cannot be read.
   */
  waiting(): Promise<{ runner_group: string; count: number; since: number }[]>
  /** Queued executions by queue (queue.ts), scripts aside. */
  countQueues(): Promise<{ queue: string; count: number }[]>
  /** Reserved, running and aborting executions by runner. */
  countHeld(): Promise<Map<string, number>>
  /** By namespace, how many executions are queued and when the oldest one was made. */
  queuedByNamespace(): Promise<{ namespace: string; count: number; since: number }[]>
  /** The ids of the runners that have called within their lease, those that were deleted too. */
  seenRunners(): Promise<string[]>
  /** Counts over spans of time: those of keys from one to below another, in their order. */
  buckets(from: string, below: string): Promise<BucketRow[]>
  definition(group: string): Promise<DefinitionRow | undefined>
  /** Many at once, by group; those that are not there, or damaged, are left out. */
  definitions(groups: readonly string[]): Promise<Map<string, DefinitionRow>>
  /** The output context, sealed at rest. */
  output(executionId: string): Promise<string | undefined>
  job(job: JobName): Promise<JobRow | undefined>
  /** Many at once, by their keys (`jobKey`); those that are not there, or damaged, are left out. */
  jobs(keys: readonly string[]): Promise<JobRow[]>
  /** By their keys (`jobKey`). */
  listJobs<T = never>(unreadable?: StandIn<T>): Promise<(JobRow | T)[]>
  runner(id: string): Promise<RunnerRow | undefined>
  /** Many at once; those that are not there are left out. */
  runners(ids: readonly string[]): Promise<RunnerRow[]>
  /** The oldest first. */
  listRunners<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(RunnerRow | T)[]>
  /** All that may be in a group: said or set. */
  runnersOf(group: string): Promise<RunnerRow[]>
  /** All that have this name, deleted ones too. */
  runnersNamed(name: string): Promise<RunnerRow[]>
  group(name: string): Promise<GroupRow | undefined>
  /** By name. */
  listGroups<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(GroupRow | T)[]>
  tokenByHash(hash: string): Promise<TokenRow | undefined>
  token(id: string): Promise<TokenRow | undefined>
  /** The oldest first; a runner's own tokens are not listed. */
  listTokens<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(TokenRow | T)[]>
  browserSessionByHash(hash: string): Promise<BrowserSessionRow | undefined>
  /** Many at once, by id; those that are not there are left out. */
  browserSessions(ids: readonly string[]): Promise<BrowserSessionRow[]>
  browserCodeByHash(hash: string): Promise<BrowserCodeRow | undefined>
  log(executionId: string): Promise<LogRow | undefined>
  /** Bytes of a log; fewer where they end or where some were dropped, none at the end. */
  readLog(executionId: string, offset: number, length: number): Promise<Buffer>
  idempotency(tokenId: string, key: string): Promise<IdempotencyRow | undefined>
  /** By the key of its job (`jobKey`). */
  schedule(job: string): Promise<ScheduleRow | undefined>
  /** By the keys of their jobs; only those in one of these namespaces. */
  listSchedules<T = never>(
    namespaces: readonly string[] | undefined,
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(ScheduleRow | T)[]>
  /** Those that are due next, the earliest first; only those in one of these namespaces. */
  soonestSchedules<T = never>(
    namespaces: readonly string[] | undefined,
    limit: number,
    unreadable?: StandIn<T>,
  ): Promise<(ScheduleRow | T)[]>
  /** When the next schedule is due; undefined: none is. */
  nextDue(): Promise<number | undefined>
  /** Whether the next time of a schedule is to be computed. */
  hasStale(): Promise<boolean>
  /** How many schedules there are, and how many of them are due. */
  countSchedules(): Promise<{ all: number; due: number }>
  /** The latest time of a schedule for which a job has an execution. */
  lastScheduled(job: JobName): Promise<number | undefined>
  /** The first time of a schedule after another one for which a job has an execution. */
  nextScheduled(job: JobName, after: number): Promise<number | undefined>
  missed(id: string): Promise<MissedRow | undefined>
  /** What was written down last comes first. */
  listMissed<T = never>(
    filter: { job?: string; namespaces?: readonly string[] },
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(MissedRow | T)[]>
  /** A value by its name: the sweep mark, for example. */
  meta(key: string): Promise<string | undefined>
  /** The latest first. A search looks at every entry of its range. */
  listAudit<T = never>(
    filter: AuditFilter,
    range: AuditRange,
    unreadable?: StandIn<T>,
  ): Promise<(AuditRow | T)[]>
  /** The latest first. */
  listNotices<T = never>(
    filter: NoticeFilter,
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(NoticeRow | T)[]>
  /** Many at once, by id; those that are not there are left out. */
  notices(ids: readonly string[]): Promise<NoticeRow[]>
  /** The targets of notices that are to be tried now. */
  noticeTargets(): Promise<string[]>
  /** Each target with notices that wait: how many there are, and when the oldest one was made. */
  waitingNotices(): Promise<{ target: string; count: number; since: number }[]>
  /** Entries behind this number, the oldest first. */
  auditAfter<T = never>(number: number, limit: number, unreadable?: StandIn<T>): Promise<(AuditRow | T)[]>
  /**
   * The lowest number of the entries from a time on; undefined: there are none. Where the clock was put back
   * it may miss entries of before.
   */
  auditSince(time: number): Promise<number | undefined>
  /** The latest entry that retention has removed, and the latest entry; 0 is the number before the first. */
  auditEnds(): Promise<{ begins: ChainEnd; ends: ChainEnd }>
  /** The changes of commits behind this number, the oldest first. */
  changesAfter(number: number, limit: number): Promise<ChangesRow[]>
  /** The number of the latest change; 0: there was none. */
  newestChange(): Promise<number>
}

export interface Writer extends Reader {
  /** Puts a row. A writer must have read the stored row before it replaces that. */
  putExecution(row: ExecutionRow): void
  /** The distinct queues (`queueOf`) in which something waits. */
  queues(): Promise<string[]>
  /**
   * The first `limit` queued executions of each of these queues, scripts aside, by priority and then
   * age.
   */
  queueHeads(queues: readonly string[], limit: number): Promise<ExecutionRow[]>
  /** Whether an execution may wait in this line. It is usually known without a statement that none does. */
  mayWaitIn(line: Line): Promise<boolean>
  /** At most `limit` lines in which executions wait; `after` is the last line of the page before. */
  lines(limit: number, after?: Line): Promise<Line[]>
  /** At most `limit` executions whose deadline has come, the earliest first. */
  due(limit: number): Promise<ExecutionRow[]>
  /** At most `limit` executions whose run is late and was not noticed, the earliest first. */
  late(limit: number): Promise<ExecutionRow[]>
  putNotice(row: NoticeRow): void
  /** At most `limit` notices to a target that are to be tried now, the longest due first. */
  dueNotices(target: string, limit: number): Promise<NoticeRow[]>
  /** The notices of a message that wait, in the order of their ids. */
  noticesOf(batch: string): Promise<NoticeRow[]>
  /** Removes notices of before `time` that do not wait, at most `limit`; says how many. */
  removeNotices(time: number, limit: number): Promise<number>
  /** At most `limit` runners whose `checkAt`, as it was when they were put, has come, the earliest first. */
  dueRunners(limit: number): Promise<RunnerRow[]>
  /**
   * Moves every deadline to `later` after itself, or after the watched time `from` where it has passed: of
   * executions, and of runners as far as it had not passed at `since`, so that one that was gone before does
   * not come back.
   */
  postponeAll(later: number, since: number, from: number): Promise<void>
  putDefinition(row: DefinitionRow): void
  putOutput(executionId: string, sealed: string): void
  putJob(row: JobRow): void
  deleteJob(job: JobName): Promise<boolean>
  putRunner(row: RunnerRow): void
  putGroup(row: GroupRow): void
  putToken(row: TokenRow): void
  deleteToken(id: string): Promise<boolean>
  putBrowserSession(row: BrowserSessionRow): void
  deleteBrowserSession(id: string): Promise<boolean>
  putBrowserCode(row: BrowserCodeRow): void
  deleteBrowserCode(id: string): Promise<boolean>
  /** Removes the sessions of browsers with the rights of a token or person, and its codes, but the latest `most` of each. */
  keepBrowsers(holder: string, most: number): Promise<void>
  /** Removes the sessions of browsers, and the codes, that are over at the watched time `time`. */
  removeBrowsers(time: number): Promise<void>
  /** Removes the tokens of a runner except that of one session. */
  deleteRunnerTokens(runnerId: string, except?: number): Promise<void>
  /** Once `final_length` is known, its bytes are on disk before the row is. */
  putLog(row: LogRow): void
  /**
   * Puts bytes at an offset that is at most the length kept so far; over bytes that are there too. They count
   * as far as the `length` of the log's row, which is put beside them.
   */
  writeLog(executionId: string, offset: number, bytes: Uint8Array): Promise<void>
  /** Drops kept bytes between two offsets, as far as that can be done in whole pieces. */
  dropLog(executionId: string, from: number, to: number): Promise<void>
  putIdempotency(row: IdempotencyRow): void
  /** At most `limit` schedules that are due, the earliest first. */
  dueSchedules(limit: number): Promise<ScheduleRow[]>
  /** At most `limit` schedules whose next time is to be computed. */
  staleSchedules(limit: number): Promise<ScheduleRow[]>
  putSchedule(row: ScheduleRow): void
  deleteSchedule(job: string): Promise<void>
  /** Has the next times of these schedules computed; `parked`: only of those that a pause has parked. */
  staleAll(filter: { parked: boolean; namespace?: string }): Promise<void>
  putMissed(row: MissedRow): void
  deleteMissed(ids: readonly string[]): Promise<void>
  /** Removes rows of what was not fired before `time`, at most `limit`; says how many. */
  removeMissed(time: number, limit: number): Promise<number>
  setMeta(key: string, value: string): void
  putBucket(row: BucketRow): void
  /** Removes the counts of keys from one to below another. */
  removeBuckets(from: string, below: string): Promise<void>
  /**
   * Puts an entry behind the last of the audit log when the writer has ended well. With `sealed` the store has
   * that in the place of `before` and `after`.
   */
  audit(facts: AuditFacts, sealed?: string): void
  /**
   * Removes the first entries of the audit log as far as they are of before `time`, at most `limit`; says how
   * many.
   */
  removeAudit(time: number, limit: number): Promise<number>
  /**
   * Removes ended executions of before `time` with all that belongs to them, at most `limit`; says how many.
   */
  removeEnded(time: number, limit: number): Promise<number>
  /** Removes idempotency keys of before the watched time `time`, at most `limit`; says how many. */
  removeKeys(time: number, limit: number): Promise<number>
  /** Removes runners' tokens of sessions that have been over since `time`, at most `limit`; says how many. */
  removeTokens(time: number, limit: number): Promise<number>
  /** Removes the changes of commits of before the watched time `time`, at most `limit`; says how many. The latest stays. */
  removeChanges(time: number, limit: number): Promise<number>
  /**
   * Tells those who wait when the transaction is known to be kept; of queues and slots before that: what
   * these then write is in it or behind it.
   */
  notify(topic: Topic): void
  /** The change must be on disk when the writer resolves, whatever `durable` said. */
  durably(): void
}

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
  /**
   * By default true: the writer is answered when its change is on disk. False: it is answered when its change
   * is kept, which is enough for a lease.
   */
  durable?: boolean
}

/** The two times of a transaction. */
export type Moment = Pick<Reader, 'now' | 'watched'>

export interface Store extends AsyncDisposable {
  readonly engine: 'sqlite' | 'postgres'
  readonly watch: WatchedTime
  /**
   * Names the history that its data is in, where the engine knows: another one than before means that the data was restored.
   */
  readonly lineage: string | undefined
  /**
   * Runs a writer once; resolves when what it changed is on disk, or only kept where it need not be. Throws
   * what the writer throws, and a `StoreFailure` where the store does not work: then nothing was changed,
   * unless it was the commit itself that failed.
   */
  write<T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions): Promise<T>
  /**
   * Reads what is committed, all of it as it was at one moment. Throws a `StoreFailure` where that cannot be
   * done.
   */
  read<T>(reader: (tx: Reader) => Promise<T>): Promise<T>
  /** Calls back for every notified topic, after its transaction; returns what ends that. */
  subscribe(listener: (topic: Topic) => void): () => void
  /** Fails where the store cannot be written to. */
  check(): Promise<void>
  /** Seconds that transactions took, for the metrics. */
  onTransaction(listener: (seconds: number, writers: number) => void): void
}
