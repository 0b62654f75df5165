import type { BrowserCodeRow, BrowserSessionRow } from '../browser-rows.ts'
import type { ChangesRow } from '../change.ts'
import { isUnreadable } from '../failure.ts'
import type { JobName, Page, StandIn } from '../filters.ts'
import { idempotencyId, numberKey } from '../keys.ts'
import type { Reader } from '../reader.ts'
import {
  type DefinitionRow,
  type GroupRow,
  type IdempotencyRow,
  type JobRow,
  jobKey,
  type LogRow,
  type TokenRow,
} from '../rows.ts'
import type { RunnerRow } from '../runner-row.ts'
import type { BucketRow } from '../schedule-rows.ts'
import type { Rows, TableName } from '../tables.ts'
import { AuditReader } from './audit-reader.ts'
import { newestChange } from './change-list.ts'

/**
 * All questions to the store, as SQL. Those about executions, schedules, notices and the audit log are in
 * readers of their own, each of which extends another one; the rest is here.
 */
export abstract class SqlReader extends AuditReader implements Reader {
  abstract readLog(executionId: string, offset: number, length: number): Promise<Buffer>

  definition(group: string): Promise<DefinitionRow | undefined> {
    return this.get('definitions', group)
  }

  async definitions(groups: readonly string[]): Promise<Map<string, DefinitionRow>> {
    const rows = await this.#readable('definitions', groups)
    return new Map(rows.map(row => [row.group, row]))
  }

  jobs(keys: readonly string[]): Promise<JobRow[]> {
    return this.#readable('jobs', keys)
  }

  /** Rows by their ids, without those that are damaged. */
  async #readable<T extends TableName>(table: T, ids: readonly string[]): Promise<Rows[T][]> {
    try {
      return await this.getAll(table, ids)
    } catch (error) {
      unlessDamaged(error)
      const rows = await Promise.all(ids.map(id => this.get(table, id).catch(unlessDamaged)))
      return rows.filter(row => row !== undefined)
    }
  }

  async output(executionId: string): Promise<string | undefined> {
    return (await this.get('outputs', executionId))?.sealed
  }

  job(job: JobName): Promise<JobRow | undefined> {
    return this.get('jobs', jobKey(job))
  }

  async jobKeys(): Promise<string[]> {
    return (await this.query(['jobs'], 'SELECT id FROM jobs')).map(({ id }) => id as string)
  }

  listJobs<T = never>(unreadable?: StandIn<T>): Promise<(JobRow | T)[]> {
    return this.list('jobs', unreadable, 'ORDER BY id')
  }

  runner(id: string): Promise<RunnerRow | undefined> {
    return this.get('runners', id)
  }

  runners(ids: readonly string[]): Promise<RunnerRow[]> {
    return this.getAll('runners', ids)
  }

  listRunners<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(RunnerRow | T)[]> {
    return this.#oldestFirst('runners', unreadable, page)
  }

  async seenRunners(): Promise<string[]> {
    const found = await this.query(['runners'], 'SELECT id FROM runners WHERE seen_until > $1', this.watched)
    return found.map(({ id }) => id as string)
  }

  runnersOf(group: string): Promise<RunnerRow[]> {
    return this.select('runners', 'WHERE said_group = $1 OR set_group = $1 ORDER BY runners.seq', group)
  }

  runnersNamed(name: string): Promise<RunnerRow[]> {
    return this.select('runners', 'WHERE name = $1 ORDER BY runners.seq', name)
  }

  group(name: string): Promise<GroupRow | undefined> {
    return this.get('groups', name)
  }

  listGroups<T = never>({ limit, after }: Page, unreadable?: StandIn<T>): Promise<(GroupRow | T)[]> {
    return after === undefined
      ? this.list('groups', unreadable, 'ORDER BY id LIMIT $1', limit)
      : this.list('groups', unreadable, 'WHERE id > $2 ORDER BY id LIMIT $1', limit, after)
  }

  async tokenByHash(hash: string): Promise<TokenRow | undefined> {
    return (await this.select('tokens', 'WHERE hash = $1', hash))[0]
  }

  token(id: string): Promise<TokenRow | undefined> {
    return this.get('tokens', id)
  }

  listTokens<T = never>(page: Page, unreadable?: StandIn<T>): Promise<(TokenRow | T)[]> {
    return this.#oldestFirst('tokens', unreadable, page, "kind <> 'runner'")
  }

  async browserSessionByHash(hash: string): Promise<BrowserSessionRow | undefined> {
    return (await this.select('browser_sessions', 'WHERE hash = $1', hash))[0]
  }

  browserSessions(ids: readonly string[]): Promise<BrowserSessionRow[]> {
    return this.getAll('browser_sessions', ids)
  }

  listBrowserSessions({ limit, after }: Page): Promise<BrowserSessionRow[]> {
    return after === undefined
      ? this.select('browser_sessions', 'ORDER BY id DESC LIMIT $1', limit)
      : this.select('browser_sessions', 'WHERE id < $2 ORDER BY id DESC LIMIT $1', limit, after)
  }

  async browserCodeByHash(hash: string): Promise<BrowserCodeRow | undefined> {
    return (await this.select('browser_codes', 'WHERE hash = $1', hash))[0]
  }

  log(executionId: string): Promise<LogRow | undefined> {
    return this.get('logs', executionId)
  }

  idempotency(tokenId: string, key: string): Promise<IdempotencyRow | undefined> {
    return this.get('idempotency', idempotencyId(tokenId, key))
  }

  buckets(from: string, below: string): Promise<BucketRow[]> {
    return this.select('buckets', 'WHERE id >= $1 AND id < $2 ORDER BY buckets.id', from, below)
  }

  changesAfter(number: number, limit: number): Promise<ChangesRow[]> {
    return this.select('changes', 'WHERE id > $1 ORDER BY changes.id LIMIT $2', numberKey(number), limit)
  }

  async newestChange(): Promise<number> {
    return Number((await this.query(['changes'], newestChange))[0]?.id ?? 0)
  }

  #oldestFirst<T extends 'runners' | 'tokens', U>(
    table: T,
    unreadable: StandIn<U> | undefined,
    { limit, after }: Page,
    condition = 'true',
  ) {
    const behind = after === undefined ? '' : `AND seq > (SELECT seq FROM ${table} WHERE id = $2)`
    const rest = `WHERE ${condition} ${behind} ORDER BY ${table}.seq LIMIT $1`
    return this.list(table, unreadable, rest, limit, ...(after === undefined ? [] : [after]))
  }
}

function unlessDamaged(error: unknown): undefined {
  if (!isUnreadable(error)) throw error
}
