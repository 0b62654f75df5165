import type { NoticeFilter, Page, StandIn } from '../filters.ts'
import type { Reader } from '../reader.ts'
import { defaultNamespace } from '../rows.ts'
import type { NoticeRow } from '../schedule-rows.ts'
import type { SqlValue } from '../values.ts'
import { ScheduleReader } from './schedule-reader.ts'

/** The questions about notices that wait to be sent, and about sent ones. */
export abstract class NoticeReader extends ScheduleReader {
  listNotices<T = never>(
    { states, target, namespaces }: NoticeFilter,
    { limit, after }: Page,
    unreadable?: StandIn<T>,
  ): Promise<(NoticeRow | T)[]> {
    const params: SqlValue[] = [limit]
    const conditions = ['true']
    const oneOf = (column: string, values: readonly string[] | undefined) => {
      if (values !== undefined)
        conditions.push(`${column} IN (SELECT value FROM TEXTS($${params.push(JSON.stringify(values))}))`)
    }
    if (after !== undefined) conditions.push(`id < $${params.push(after)}`)
    if (target !== undefined) conditions.push(`target = $${params.push(target)}`)
    oneOf('state', states)
    oneOf('namespace', namespaces)
    // The index has only the others.
    if (namespaces?.includes(defaultNamespace) === false)
      conditions.push(`namespace <> '${defaultNamespace}'`)
    const rest = `WHERE ${conditions.join(' AND ')} ORDER BY notices.id DESC LIMIT $1`
    return this.list('notices', unreadable, rest, ...params)
  }

  notices(ids: readonly string[]): Promise<NoticeRow[]> {
    return this.getAll('notices', ids)
  }

  async noticeTargets(): Promise<string[]> {
    const sql = 'SELECT DISTINCT target FROM notices WHERE next_at <= $1'
    return (await this.query(['notices'], sql, this.watched)).map(({ target }) => target as string)
  }

  async waitingNotices(): ReturnType<Reader['waitingNotices']> {
    const sql = `SELECT target, CAST(count(*) AS double precision) AS n, min(created_at) AS since
      FROM notices WHERE next_at IS NOT NULL GROUP BY target`
    const found = await this.query(['notices'], sql)
    return found.map(({ target, n, since }) => ({
      target: target as string,
      count: n as number,
      since: since as number,
    }))
  }
}
