/* The questions that the rest of the server may ask about the rows of the store (store.ts). */
import type { ChainEnd } from '../protocol/messages/audit.ts'
import type { ExecutionState } from '../protocol/states.ts'
import type { BrowserCodeRow, BrowserSessionRow } from './browser-rows.ts'
import type { ChangesRow } from './change.ts'
import type {
  AuditFilter,
  AuditRange,
  ExecutionFilter,
  JobName,
  NoticeFilter,
  Page,
  StandIn,
} from './filters.ts'
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

/** Rows, as they are in this transaction, which sees its own changes. */
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
  /**
   * The attempts of a job for which `hasActive` is true, the oldest first, but for those that wait for a
   * turn.
   */
  activeRuns(job: JobName, limit: number): Promise<ExecutionRow[]>
  /** The number of runs of a job that wait for a turn, without those that catch up; at most `limit`. */
  countTurns(job: JobName, limit: number): Promise<number>
  /** The first of those that wait in a line: for a turn by age, for a key by priority and then age. */
  lineHeads(line: Line, limit: number): Promise<ExecutionRow[]>
  /**
   * The number of runs of a namespace with this concurrency key that have an attempt which has not ended, and
   * wait neither for a turn nor for the key; at most `limit`.
   */
  countRuns(namespace: string, key: string, limit: number): Promise<number>
  /** At most `limit` executions that wait for a time which has come, the earliest first. */
  releasable(limit: number): Promise<ExecutionRow[]>
  /**
   * The number of queued executions of its runner group that go before this one, by priority and then age; at
   * most `limit`.
   */
  countBefore(row: ExecutionRow, limit: number): Promise<number>
  /** Whether an execution is queued for this runner group, scripts aside. */
  isAwaited(runnerGroup: string): Promise<boolean>
  /** The number of queued executions of a namespace; at most `limit`. */
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
  /** The number of queued executions of each namespace, and the time at which the oldest one was made. */
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
  /** The keys (`jobKey`) of all, in no order: a list that shows few of them needs no more. */
  jobKeys(): Promise<string[]>
  /** The jobs in the order of their keys (`jobKey`). */
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
  /** The groups in the order of their names. */
  listGroups<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(GroupRow | T)[]>
  tokenByHash(hash: string): Promise<TokenRow | undefined>
  token(id: string): Promise<TokenRow | undefined>
  /** The oldest first; a runner's own tokens are not listed. */
  listTokens<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(TokenRow | T)[]>
  browserSessionByHash(hash: string): Promise<BrowserSessionRow | undefined>
  /** Many at once, by id; those that are not there are left out. */
  browserSessions(ids: readonly string[]): Promise<BrowserSessionRow[]>
  /** The latest first, those that are over among them. */
  listBrowserSessions(page: Page): Promise<BrowserSessionRow[]>
  browserCodeByHash(hash: string): Promise<BrowserCodeRow | undefined>
  log(executionId: string): Promise<LogRow | undefined>
  /** Bytes of a log; fewer where they end or where some were dropped, none at the end. */
  readLog(executionId: string, offset: number, length: number): Promise<Buffer>
  idempotency(tokenId: string, key: string): Promise<IdempotencyRow | undefined>
  /** The schedule of a job, by its key (`jobKey`). */
  schedule(job: string): Promise<ScheduleRow | undefined>
  /** The schedules in the order of the keys of their jobs; only those in one of these namespaces. */
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
  /** The number of schedules, and the number of due ones among them. */
  countSchedules(): Promise<{ all: number; due: number }>
  /** The latest time of a schedule for which a job has an execution. */
  lastScheduled(job: JobName): Promise<number | undefined>
  /** The first time of a schedule after another one for which a job has an execution. */
  nextScheduled(job: JobName, after: number): Promise<number | undefined>
  missed(id: string): Promise<MissedRow | undefined>
  /** The record that was written last comes first. */
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

/** The two times of a transaction. */
export type Moment = Pick<Reader, 'now' | 'watched'>
