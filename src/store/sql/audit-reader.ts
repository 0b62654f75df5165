import { chainStart } from '../../protocol/audit-chain.ts'
import type { ChainEnd } from '../../protocol/messages/audit.ts'
import type { AuditFilter, AuditRange, StandIn } from '../filters.ts'
import { auditBeginsKey, auditEndsKey, numberKey } from '../keys.ts'
import { hundredth } from '../migrations.ts'
import type { AuditRow } from '../rows.ts'
import type { SqlValue } from '../values.ts'
import { NoticeReader } from './notice-reader.ts'

/** The questions about the audit log. */
export abstract class AuditReader extends NoticeReader {
  listAudit<T = never>(
    { token, call, namespace, object, since, until }: AuditFilter,
    { from, below, limit }: AuditRange,
    unreadable?: StandIn<T>,
  ): Promise<(AuditRow | T)[]> {
    const params: SqlValue[] = [limit, numberKey(from), numberKey(below)]
    const conditions = ['id >= $2', 'id < $3']
    const compare = (how: string, value: SqlValue | undefined) => {
      if (value !== undefined) conditions.push(how.replaceAll('$', `$${params.push(value)}`))
    }
    compare('(token_id = $ OR token_name = $)', token)
    compare('call_name = $', call)
    compare('namespace = $', namespace)
    compare('object = $', object)
    compare('at >= $', since)
    compare('at < $', until)
    const rest = `WHERE ${conditions.join(' AND ')} ORDER BY audit.id DESC LIMIT $1`
    return this.list('audit', unreadable, rest, ...params)
  }

  auditAfter<T = never>(number: number, limit: number, unreadable?: StandIn<T>): Promise<(AuditRow | T)[]> {
    return this.list(
      'audit',
      unreadable,
      'WHERE id > $1 ORDER BY audit.id LIMIT $2',
      numberKey(number),
      limit,
    )
  }

  async auditSince(time: number): Promise<number | undefined> {
    const id = async (sql: string, ...params: SqlValue[]) =>
      (await this.query(['audit'], sql, ...params))[0]?.id
    const indexed = await id(`SELECT min(id) AS id FROM audit WHERE ${hundredth} AND at >= $1`, time)
    const before = indexed ?? (await id('SELECT max(id) AS id FROM audit'))
    const found = await id(
      'SELECT id FROM audit WHERE at >= $1 AND id > $2 ORDER BY id LIMIT 1',
      time,
      numberKey(Math.max(0, Number(before ?? 0) - 100)),
    )
    return found === undefined ? undefined : Number(found)
  }

  async auditEnds(): Promise<{ begins: ChainEnd; ends: ChainEnd }> {
    const end = async (key: string) => {
      const text = await this.meta(key)
      return text === undefined ? chainStart : (JSON.parse(text) as ChainEnd)
    }
    return { begins: await end(auditBeginsKey), ends: await end(auditEndsKey) }
  }
}
