/* The changes that the rest of the server may make in the store (store.ts). */
import type { AuditFacts } from '../protocol/audit-chain.ts'
import type { BrowserCodeRow, BrowserSessionRow } from './browser-rows.ts'
import type { JobName } from './filters.ts'
import type { Line } from './queue.ts'
import type { Reader } from './reader.ts'
import type {
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
  /**
   * Removes the sessions of browsers with the rights of a token or person, and its codes, but the latest
   * `most` of each.
   */
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
   * Puts an entry behind the last of the audit log when the writer has ended well. With `sealed` the store
   * has that in the place of `before` and `after`.
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
  /**
   * Removes the changes of commits of before the watched time `time`, at most `limit`; says how many. The
   * latest stays.
   */
  removeChanges(time: number, limit: number): Promise<number>
  /**
   * Notifies those who wait, once the transaction is known to be kept. Waiters for queues and slots hear
   * earlier: their own writes join this transaction, or follow it.
   */
  notify(topic: Topic): void
  /** The change must be on disk when the writer resolves, whatever `durable` said. */
  durably(): void
}
