import { chainStart } from '../../protocol/audit-chain.ts'
import type { BrowserCodeRow, BrowserSessionRow } from '../browser-rows.ts'
import type { JobName } from '../filters.ts'
import { auditBeginsKey } from '../keys.ts'
import type { Line } from '../queue.ts'
import {
  type DefinitionRow,
  type ExecutionRow,
  type GroupRow,
  type IdempotencyRow,
  type JobRow,
  jobKey,
  type LogRow,
  type TokenRow,
} from '../rows.ts'
import type { RunnerRow } from '../runner-row.ts'
import type { BucketRow, MissedRow, NoticeRow, ScheduleRow } from '../schedule-rows.ts'
import type { Writer } from '../writer.ts'
import { lineFound, linesAfter, paramsAfter } from './lines.ts'
import { UnitOfWork } from './unit-of-work.ts'

/** The changes to the store, as SQL. */
export class SqlWriter extends UnitOfWork implements Writer {
  putExecution(row: ExecutionRow): void {
    this.put('executions', row)
  }

  due(limit: number): Promise<ExecutionRow[]> {
    const rest = 'WHERE deadline <= $1 ORDER BY executions.deadline, executions.seq LIMIT $2'
    return this.select('executions', rest, this.watched, limit)
  }

  async lines(limit: number, after?: Line): Promise<Line[]> {
    const found = await this.query(['executions'], linesAfter, ...paramsAfter(after), limit)
    return found.map(lineFound)
  }

  late(limit: number): Promise<ExecutionRow[]> {
    const rest = 'WHERE late_at <= $1 ORDER BY executions.late_at, executions.seq LIMIT $2'
    return this.select('executions', rest, this.watched, limit)
  }

  dueRunners(limit: number): Promise<RunnerRow[]> {
    const rest = 'WHERE check_at <= $1 ORDER BY runners.check_at, runners.seq LIMIT $2'
    return this.select('runners', rest, this.watched, limit)
  }

  async postponeAll(later: number, since: number, from: number): Promise<void> {
    const moved = (column: string) =>
      `${column} = CASE WHEN ${column} > $1 THEN ${column} ELSE $1 END + CAST($2 AS double precision)`
    await this.change(
      ['executions'],
      `UPDATE executions SET ${moved('deadline')} WHERE deadline IS NOT NULL`,
      from,
      later,
    )
    for (const column of ['seen_until', 'reserve_until', 'back_until', 'check_at'])
      await this.change(
        ['runners'],
        `UPDATE runners SET ${moved(column)} WHERE ${column} >= $3`,
        from,
        later,
        since,
      )
  }

  putDefinition(row: DefinitionRow): void {
    this.put('definitions', row)
  }

  putOutput(execution_id: string, sealed: string): void {
    this.put('outputs', { execution_id, sealed })
  }

  putJob(row: JobRow): void {
    this.put('jobs', row)
  }

  async deleteJob(job: JobName): Promise<boolean> {
    return (await this.remove('jobs', [jobKey(job)])) > 0
  }

  putRunner(row: RunnerRow): void {
    this.put('runners', row)
  }

  putGroup(row: GroupRow): void {
    this.put('groups', row)
  }

  putToken(row: TokenRow): void {
    this.put('tokens', row)
  }

  async deleteToken(id: string): Promise<boolean> {
    return (await this.remove('tokens', [id])) > 0
  }

  putBrowserSession(row: BrowserSessionRow): void {
    this.put('browser_sessions', row)
  }

  async deleteBrowserSession(id: string): Promise<boolean> {
    return (await this.remove('browser_sessions', [id])) > 0
  }

  putBrowserCode(row: BrowserCodeRow): void {
    this.put('browser_codes', row)
  }

  async deleteBrowserCode(id: string): Promise<boolean> {
    return (await this.remove('browser_codes', [id])) > 0
  }

  async keepBrowsers(holder: string, most: number): Promise<void> {
    for (const table of ['browser_sessions', 'browser_codes'] as const) {
      const latest = `SELECT id FROM ${table} WHERE holder = $1 ORDER BY until DESC, id DESC LIMIT $2`
      const sql = `DELETE FROM ${table} WHERE holder = $1 AND id NOT IN (${latest}) RETURNING id`
      await this.change([table], sql, holder, most)
    }
  }

  async removeBrowsers(time: number): Promise<void> {
    for (const table of ['browser_sessions', 'browser_codes'] as const)
      await this.change([table], `DELETE FROM ${table} WHERE until <= $1 RETURNING id`, time)
  }

  async deleteRunnerTokens(runnerId: string, except = -1): Promise<void> {
    const sql = 'DELETE FROM tokens WHERE runner_id = $1 AND (session IS NULL OR session <> $2)'
    await this.change(['tokens'], sql, runnerId, except)
  }

  putLog(row: LogRow): void {
    this.put('logs', row)
    if (row.final_length !== null && row.length > 0) this.logs.syncs.add(row.execution_id)
  }

  async dropLog(id: string, from: number, to: number): Promise<void> {
    this.logs.drops.push({ id, from, to })
  }

  putIdempotency(row: IdempotencyRow): void {
    this.put('idempotency', row)
  }

  dueSchedules(limit: number): Promise<ScheduleRow[]> {
    const rest = 'WHERE due_at <= $1 ORDER BY schedules.due_at LIMIT $2'
    return this.select('schedules', rest, this.now, limit)
  }

  staleSchedules(limit: number): Promise<ScheduleRow[]> {
    return this.select('schedules', 'WHERE stale = 1 ORDER BY schedules.id LIMIT $1', limit)
  }

  putSchedule(row: ScheduleRow): void {
    this.put('schedules', row)
  }

  async deleteSchedule(job: string): Promise<void> {
    await this.remove('schedules', [job])
  }

  async staleAll({ parked, namespace }: { parked: boolean; namespace?: string }): Promise<void> {
    const of = namespace === undefined ? [] : [namespace]
    const conditions = [parked ? 'parked = 1' : 'true', ...of.map(() => 'namespace = $1')]
    await this.change(
      ['schedules'],
      `UPDATE schedules SET stale = 1 WHERE ${conditions.join(' AND ')}`,
      ...of,
    )
  }

  putMissed(row: MissedRow): void {
    this.put('missed', row)
  }

  async deleteMissed(ids: readonly string[]): Promise<void> {
    await this.remove('missed', ids)
  }

  async removeMissed(time: number, limit: number): Promise<number> {
    const old = 'SELECT id FROM missed WHERE until < $1 ORDER BY until LIMIT $2'
    const sql = `DELETE FROM missed WHERE id IN (${old}) RETURNING id`
    return (await this.change(['missed'], sql, time, limit)).length
  }

  setMeta(key: string, value: string): void {
    this.put('meta', { key, value })
  }

  putBucket(row: BucketRow): void {
    this.put('buckets', row)
  }

  async removeBuckets(from: string, below: string): Promise<void> {
    await this.change(['buckets'], 'DELETE FROM buckets WHERE id >= $1 AND id < $2 RETURNING id', from, below)
  }

  async removeEnded(time: number, limit: number): Promise<number> {
    const ended = 'SELECT id, grp FROM executions WHERE ended_at < $1 ORDER BY ended_at, seq LIMIT $2'
    const found = await this.query(['executions'], ended, time, limit)
    if (found.length === 0) return 0
    const ids = found.map(({ id }) => id as string)
    for (const table of ['executions', 'outputs', 'logs'] as const) await this.remove(table, ids)
    const groups = new Set(found.map(({ grp }) => grp as string))
    const unused = 'NOT EXISTS (SELECT 1 FROM executions WHERE grp = definitions.id)'
    await this.remove('definitions', [...groups], unused)
    await this.removeLogs(ids)
    return ids.length
  }

  async removeKeys(time: number, limit: number): Promise<number> {
    const old = 'SELECT id FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2'
    const sql = `DELETE FROM idempotency WHERE id IN (${old}) RETURNING id`
    return (await this.change(['idempotency'], sql, time, limit)).length
  }

  putNotice(row: NoticeRow): void {
    this.put('notices', row)
  }

  dueNotices(target: string, limit: number): Promise<NoticeRow[]> {
    const rest = 'WHERE target = $1 AND next_at <= $2 ORDER BY notices.next_at, notices.id LIMIT $3'
    return this.select('notices', rest, target, this.watched, limit)
  }

  noticesOf(batch: string): Promise<NoticeRow[]> {
    return this.select('notices', 'WHERE batch = $1 AND next_at IS NOT NULL ORDER BY notices.id', batch)
  }

  async removeNotices(time: number, limit: number): Promise<number> {
    const old =
      'SELECT id FROM notices WHERE next_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2'
    const sql = `DELETE FROM notices WHERE id IN (${old}) RETURNING id`
    return (await this.change(['notices'], sql, time, limit)).length
  }

  async removeTokens(time: number, limit: number): Promise<number> {
    // A session has been over since the token of the session in force was made.
    const over = `SELECT old.id FROM runners
      JOIN tokens AS young ON young.runner_id = runners.id AND young.session = runners.session
      JOIN tokens AS old ON old.runner_id = runners.id AND old.session < runners.session
      WHERE young.created_at < $1 LIMIT $2`
    // Sends the runners that were put: the statement below reads them, and `change` sends tokens alone.
    await this.query(['runners'], 'SELECT 1')
    const sql = `DELETE FROM tokens WHERE id IN (${over}) RETURNING id`
    return (await this.change(['tokens'], sql, time, limit)).length
  }

  async removeChanges(time: number, limit: number): Promise<number> {
    const oldest = await this.query(['changes'], 'SELECT id, at FROM changes ORDER BY id LIMIT $1', limit + 1)
    // The latest stays, so that the next number follows it.
    const old = oldest.slice(0, -1).filter(({ at }) => (at as number) < time)
    if (old.length === 0) return 0
    return this.remove(
      'changes',
      old.map(({ id }) => id as string),
    )
  }

  async removeAudit(time: number, limit: number): Promise<number> {
    const [first] = await this.query(['audit'], 'SELECT at FROM audit ORDER BY id LIMIT 1')
    if (first === undefined || (first.at as number) >= time) return 0
    const oldest = await this.query(['audit'], 'SELECT id, at, body FROM audit ORDER BY id LIMIT $1', limit)
    const kept = oldest.findIndex(({ at }) => (at as number) >= time)
    const removed = kept < 0 ? oldest : oldest.slice(0, kept)
    const last = removed.at(-1)!
    const hash = hashIn(last.body as string)
    await this.remove(
      'audit',
      removed.map(({ id }) => id as string),
    )
    this.setMeta(auditBeginsKey, JSON.stringify({ number: Number(last.id), hash }))
    return removed.length
  }
}

/** The hash of an entry; of one that cannot be read none, which shows at the entry after it. */
function hashIn(body: string): string {
  try {
    return (JSON.parse(body) as { hash: string }).hash
  } catch {
    return chainStart.hash
  }
}
