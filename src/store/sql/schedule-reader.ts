import type { JobName, Page, StandIn } from '../filters.ts'
import type { MissedRow, ScheduleRow } from '../schedule-rows.ts'
import type { SqlValue } from '../values.ts'
import { ExecutionReader } from './execution-reader.ts'

/** The questions about schedules, and about what they have not fired. */
export abstract class ScheduleReader extends ExecutionReader {
  schedule(job: string): Promise<ScheduleRow | undefined> {
    return this.get('schedules', job)
  }

  listSchedules<T = never>(
    namespaces: readonly string[] | undefined,
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(ScheduleRow | T)[]> {
    return this.#byId('schedules', 'ASC', { namespaces }, page, unreadable)
  }

  soonestSchedules<T = never>(
    namespaces: readonly string[] | undefined,
    limit: number,
    unreadable?: StandIn<T>,
  ): Promise<(ScheduleRow | T)[]> {
    const order = 'ORDER BY schedules.due_at, schedules.id LIMIT $1'
    if (namespaces === undefined)
      return this.list('schedules', unreadable, `WHERE due_at IS NOT NULL ${order}`, limit)
    const rest = `WHERE due_at IS NOT NULL AND namespace IN (SELECT value FROM TEXTS($2)) ${order}`
    return this.list('schedules', unreadable, rest, limit, JSON.stringify(namespaces))
  }

  async nextDue(): Promise<number | undefined> {
    const sql = 'SELECT min(due_at) AS at FROM schedules WHERE due_at IS NOT NULL'
    return ((await this.query(['schedules'], sql))[0]?.at as number | null) ?? undefined
  }

  async hasStale(): Promise<boolean> {
    return (await this.query(['schedules'], 'SELECT id FROM schedules WHERE stale = 1 LIMIT 1')).length > 0
  }

  async countSchedules(): Promise<{ all: number; due: number }> {
    const sql = `SELECT CAST(count(*) AS double precision) AS n FROM schedules`
    const [all, due] = await Promise.all([
      this.query(['schedules'], sql),
      this.query(['schedules'], `${sql} WHERE due_at <= $1`, this.now),
    ])
    return { all: all[0]!.n as number, due: due[0]!.n as number }
  }

  async lastScheduled({ namespace, name }: JobName): Promise<number | undefined> {
    const sql = `SELECT max(scheduled_for) AS at FROM executions
      WHERE namespace = $1 AND job_name = $2 AND scheduled_for IS NOT NULL`
    return ((await this.query(['executions'], sql, namespace, name))[0]?.at as number | null) ?? undefined
  }

  async nextScheduled({ namespace, name }: JobName, after: number): Promise<number | undefined> {
    const sql = `SELECT min(scheduled_for) AS at FROM executions
      WHERE namespace = $1 AND job_name = $2 AND scheduled_for > $3`
    return (
      ((await this.query(['executions'], sql, namespace, name, after))[0]?.at as number | null) ?? undefined
    )
  }

  missed(id: string): Promise<MissedRow | undefined> {
    return this.get('missed', id)
  }

  listMissed<T = never>(
    filter: { job?: string; namespaces?: readonly string[] },
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(MissedRow | T)[]> {
    return this.#byId('missed', 'DESC', filter, page, unreadable)
  }

  /** Rows of one job or of these namespaces, in the order of their ids. */
  #byId<T extends 'schedules' | 'missed', U>(
    table: T,
    order: 'ASC' | 'DESC',
    { job, namespaces }: { job?: string | undefined; namespaces?: readonly string[] | undefined },
    { limit, after }: Page,
    unreadable: StandIn<U> | undefined,
  ) {
    const params: SqlValue[] = [limit]
    const conditions = ['true']
    if (after !== undefined) conditions.push(`id ${order === 'ASC' ? '>' : '<'} $${params.push(after)}`)
    if (job !== undefined) conditions.push(`job = $${params.push(job)}`)
    if (namespaces !== undefined)
      conditions.push(`namespace IN (SELECT value FROM TEXTS($${params.push(JSON.stringify(namespaces))}))`)
    const rest = `WHERE ${conditions.join(' AND ')} ORDER BY ${table}.id ${order} LIMIT $1`
    return this.list(table, unreadable, rest, ...params)
  }
}
