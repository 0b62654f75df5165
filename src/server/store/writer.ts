import { SqlReader } from './reader.ts'
import type { Stage } from './stage.ts'
import type {
  DefinitionRow,
  ExecutionRow,
  GroupRow,
  IdempotencyRow,
  JobRow,
  LogRow,
  RunnerRow,
  TokenRow,
  Topic,
  Writer,
} from './store.ts'

/** The changes that can be made, as SQL. */
export class SqlWriter extends SqlReader<Stage> implements Writer {
  putExecution(row: ExecutionRow): void {
    this.access.put('executions', row)
  }

  queues(): Promise<string[]> {
    return this.access.queues()
  }

  queueHeads(queues: readonly string[], limit: number): Promise<ExecutionRow[]> {
    return this.access.heads(queues, limit)
  }

  due(limit: number): Promise<ExecutionRow[]> {
    const rest = 'WHERE deadline <= $1 ORDER BY executions.deadline, executions.seq LIMIT $2'
    return this.access.select('executions', rest, this.watched, limit)
  }

  dueRunners(limit: number): Promise<RunnerRow[]> {
    const rest = 'WHERE check_at <= $1 ORDER BY runners.check_at, runners.seq LIMIT $2'
    return this.access.select('runners', rest, this.watched, limit)
  }

  async postponeAll(later: number, since: number, from: number): Promise<void> {
    const moved = (column: string) =>
      `${column} = CASE WHEN ${column} > $1 THEN ${column} ELSE $1 END + CAST($2 AS double precision)`
    await this.access.change(
      ['executions'],
      `UPDATE executions SET ${moved('deadline')} WHERE deadline IS NOT NULL`,
      from,
      later,
    )
    for (const column of ['seen_until', 'reserve_until', 'back_until', 'check_at'])
      await this.access.change(
        ['runners'],
        `UPDATE runners SET ${moved(column)} WHERE ${column} >= $3`,
        from,
        later,
        since,
      )
  }

  putDefinition(row: DefinitionRow): void {
    this.access.put('definitions', row)
  }

  putOutput(execution_id: string, sealed: string): void {
    this.access.put('outputs', { execution_id, sealed })
  }

  putJob(row: JobRow): void {
    this.access.put('jobs', row)
  }

  async deleteJob(name: string): Promise<boolean> {
    return (await this.access.remove('jobs', [name])) > 0
  }

  putRunner(row: RunnerRow): void {
    this.access.put('runners', row)
  }

  putGroup(row: GroupRow): void {
    this.access.put('groups', row)
  }

  putToken(row: TokenRow): void {
    this.access.put('tokens', row)
  }

  async deleteToken(id: string): Promise<boolean> {
    return (await this.access.remove('tokens', [id])) > 0
  }

  async deleteRunnerTokens(runnerId: string, except = -1): Promise<void> {
    const sql = 'DELETE FROM tokens WHERE runner_id = $1 AND (session IS NULL OR session <> $2)'
    await this.access.change(['tokens'], sql, runnerId, except)
  }

  putLog(row: LogRow): void {
    this.access.put('logs', row)
    if (row.final_length !== null && row.length > 0) this.access.logs.syncs.add(row.execution_id)
  }

  writeLog(id: string, offset: number, bytes: Uint8Array): Promise<void> {
    return this.access.writeLog({ id, offset, bytes })
  }

  async dropLog(id: string, from: number, to: number): Promise<void> {
    this.access.logs.drops.push({ id, from, to })
  }

  putIdempotency(row: IdempotencyRow): void {
    this.access.put('idempotency', row)
  }

  setMeta(key: string, value: string): void {
    this.access.put('meta', { key, value })
  }

  async removeEnded(time: number, limit: number): Promise<number> {
    const ended = 'SELECT id, grp FROM executions WHERE ended_at < $1 ORDER BY ended_at, seq LIMIT $2'
    const found = await this.access.query(['executions'], ended, time, limit)
    if (found.length === 0) return 0
    const ids = found.map(({ id }) => id as string)
    for (const table of ['executions', 'outputs', 'logs'] as const) await this.access.remove(table, ids)
    const groups = new Set(found.map(({ grp }) => grp as string))
    const unused = 'NOT EXISTS (SELECT 1 FROM executions WHERE grp = definitions.id)'
    await this.access.remove('definitions', [...groups], unused)
    await this.access.removeLogs(ids)
    return ids.length
  }

  async removeKeys(time: number, limit: number): Promise<number> {
    const old = 'SELECT id FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2'
    const sql = `DELETE FROM idempotency WHERE id IN (${old}) RETURNING id`
    return (await this.access.change(['idempotency'], sql, time, limit)).length
  }

  async removeTokens(time: number, limit: number): Promise<number> {
    // A session is over since the token of the one in force was made.
    const over = `SELECT old.id FROM runners
      JOIN tokens AS young ON young.runner_id = runners.id AND young.session = runners.session
      JOIN tokens AS old ON old.runner_id = runners.id AND old.session < runners.session
      WHERE young.created_at < $1 LIMIT $2`
    await this.access.query(['runners'], 'SELECT 1')
    const sql = `DELETE FROM tokens WHERE id IN (${over}) RETURNING id`
    return (await this.access.change(['tokens'], sql, time, limit)).length
  }

  durably(): void {
    this.access.durable = true
  }

  notify(topic: Topic): void {
    this.access.topics.push(topic)
  }
}
