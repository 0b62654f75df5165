import { executionStates } from '../../protocol/states.ts'
import type { ExecutionFilter, JobName, Page, StandIn } from '../filters.ts'
import { type Line, partsOfQueue } from '../queue.ts'
import type { Reader } from '../reader.ts'
import { defaultNamespace, type ExecutionRow } from '../rows.ts'
import { waitingStates } from '../tables.ts'
import type { SqlValue } from '../values.ts'
import { activeWhere, countedTurnWhere, keyTurnWhere, keyWhere, turnWhere } from './lines.ts'
import { queuesIn, queuesOf, waiting } from './queue-cache.ts'
import { RowReader } from './row-reader.ts'

const queuedStates = ['queued', ...waitingStates].map(state => `'${state}'`).join(', ')

/** No attempt of the same run follows, but for one that was not needed: then this one came back. */
const isLastAttempt = `NOT EXISTS (SELECT 1 FROM executions AS later
  WHERE later.grp = executions.grp AND later.seq > executions.seq AND later.state <> 'withdrawn')`

/** The questions about executions: each of them, lists, and those that wait for others. */
export abstract class ExecutionReader extends RowReader {
  execution(id: string): Promise<ExecutionRow | undefined> {
    return this.get('executions', id)
  }

  listExecutions<T = never>(
    { id, ids, states, job_name, group, runner_id, namespaces, submitter, isLast }: ExecutionFilter,
    page: Page,
    unreadable?: StandIn<T>,
  ): Promise<(ExecutionRow | T)[]> {
    const params: SqlValue[] = [page.limit]
    const conditions: string[] = []
    const equals = (column: string, value: string | undefined) => {
      if (value !== undefined) conditions.push(`${column} = $${params.push(value)}`)
    }
    equals('submitter', submitter)
    if (namespaces !== undefined) {
      conditions.push(`namespace IN (SELECT value FROM TEXTS($${params.push(JSON.stringify(namespaces))}))`)
      // The index has only the others.
      if (!namespaces.includes(defaultNamespace)) conditions.push(`namespace <> '${defaultNamespace}'`)
    }
    if (page.after !== undefined) {
      // An execution that the reader may not see gives nothing, as one that does not exist.
      const seen = [`id = $${params.push(page.after)}`, ...conditions].join(' AND ')
      conditions.push(`seq < (SELECT seq FROM executions WHERE ${seen})`)
    }
    equals('id', id)
    if (ids !== undefined) {
      const [first, last] = ids
      conditions.push(`id >= $${params.push(first)}`, `id <= $${params.push(last)}`)
    }
    equals('job_name', job_name)
    equals('grp', group)
    equals('runner_id', runner_id)
    if (isLast === true) conditions.push(isLastAttempt)
    const latest = (more: string[]) =>
      `WHERE ${['true', ...conditions, ...more].join(' AND ')} ORDER BY executions.seq DESC LIMIT $1`
    if (states === undefined) return this.list('executions', unreadable, latest([]), ...params)
    // Each state is searched by itself, so that its index gives the latest rows without a sort.
    const asked = executionStates.filter(state => states.includes(state))
    if (asked.length === 0) return Promise.resolve([])
    const known = [...asked, ...(asked.includes('queued') ? waitingStates : [])]
    const each = known.map(
      state => `SELECT * FROM (SELECT seq FROM executions ${latest([`state = '${state}'`])}) AS s`,
    )
    const rest = `WHERE seq IN (${each.join(' UNION ALL ')}) ORDER BY executions.seq DESC LIMIT $1`
    return this.list('executions', unreadable, rest, ...params)
  }

  async heldBy(runnerIds: readonly string[]): Promise<ExecutionRow[]> {
    const held = runnerIds.length === 0 ? [] : await this.heldRows(runnerIds)
    return held.toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1))
  }

  protected heldRows(runnerIds: readonly string[]): Promise<ExecutionRow[]> {
    const rest = `/* INDEXED BY executions_held */ WHERE state IN ('reserved', 'running', 'aborting')
      AND runner_id IN (SELECT value FROM TEXTS($1))`
    return this.select('executions', rest, JSON.stringify(runnerIds))
  }

  async hasActive({ namespace, name }: JobName): Promise<boolean> {
    const sql = `SELECT id FROM (SELECT id FROM executions ${activeWhere} LIMIT 1) AS active
      UNION ALL SELECT id FROM (SELECT id FROM executions ${turnWhere} LIMIT 1) AS others`
    return (await this.query(['executions'], sql, namespace, name)).length > 0
  }

  activeRuns({ namespace, name }: JobName, limit: number): Promise<ExecutionRow[]> {
    return this.select(
      'executions',
      `${activeWhere} ORDER BY executions.seq LIMIT $3`,
      namespace,
      name,
      limit,
    )
  }

  async countTurns({ namespace, name }: JobName, limit: number): Promise<number> {
    const sql = `SELECT CAST(count(*) AS integer) AS n FROM (
      SELECT 1 FROM executions ${countedTurnWhere} LIMIT $3) AS others`
    const [counted] = await this.query(['executions'], sql, namespace, name, limit)
    return counted!.n as number
  }

  lineHeads({ waits, namespace, of }: Line, limit: number): Promise<ExecutionRow[]> {
    const rest =
      waits === 'turn'
        ? `${turnWhere} ORDER BY executions.seq LIMIT $3`
        : `${keyTurnWhere} ORDER BY priority DESC, executions.seq LIMIT $3`
    return this.select('executions', rest, namespace, of, limit)
  }

  async countRuns(namespace: string, key: string, limit: number): Promise<number> {
    const sql = `SELECT CAST(count(*) AS integer) AS n FROM (
      SELECT DISTINCT grp FROM executions ${keyWhere} LIMIT $3) AS runs`
    const [counted] = await this.query(['executions'], sql, namespace, key, limit)
    return counted!.n as number
  }

  releasable(limit: number): Promise<ExecutionRow[]> {
    const rest = 'WHERE not_before <= $1 ORDER BY executions.not_before, executions.seq LIMIT $2'
    return this.select('executions', rest, this.watched, limit)
  }

  async isAwaited(runnerGroup: string): Promise<boolean> {
    const sql = `SELECT id FROM executions /* INDEXED BY executions_queued */
      WHERE ${waiting} AND queue >= $1 AND queue < $2 LIMIT 1`
    return (await this.query(['executions'], sql, ...queuesOf(runnerGroup))).length > 0
  }

  async countBefore({ id, runner_group, priority }: ExecutionRow, limit: number): Promise<number> {
    // The statement reads one queue at a time, in the order of its index, so that it reads no more rows than
    // it counts.
    const before = (first: string) =>
      `SELECT 1 FROM found CROSS JOIN executions
        WHERE ${waiting} AND executions.queue = found.queue AND ${first}`
    const sql = `${queuesIn('queue >= $1', 'queue < $2')} SELECT CAST(count(*) AS integer) AS n FROM (
      ${before('priority > $3')} UNION ALL
      ${before('priority = $3 AND seq < (SELECT seq FROM executions AS self WHERE self.id = $4)')}
      LIMIT $5) AS others`
    const [counted] = await this.query(['executions'], sql, ...queuesOf(runner_group), priority, id, limit)
    return counted!.n as number
  }

  async countQueued(namespace: string, limit: number): Promise<number> {
    const sql = `SELECT CAST(count(*) AS integer) AS n FROM (
      SELECT 1 FROM executions WHERE state IN (${queuedStates}) AND namespace = $1 LIMIT $2) AS queued`
    const [counted] = await this.query(['executions'], sql, namespace, limit)
    return counted!.n as number
  }

  async countExecutions(): ReturnType<Reader['countExecutions']> {
    const sql = 'SELECT state, CAST(count(*) AS double precision) AS n FROM executions GROUP BY state'
    const counts = await this.query(['executions'], sql)
    const sums: Record<string, number> = {}
    for (const { state, n } of counts) {
      const name = waitingStates.some(one => one === state) ? 'queued' : (state as string)
      sums[name] = (sums[name] ?? 0) + (n as number)
    }
    return sums
  }

  async waiting(): ReturnType<Reader['waiting']> {
    // Counts by queue: few groups have more than a handful of queues.
    const sql = `SELECT others.queue AS queue, others.n AS n, executions.id AS id FROM (
        SELECT queue, CAST(count(*) AS double precision) AS n, min(seq) AS first FROM executions
        WHERE ${waiting} GROUP BY queue
      ) AS others JOIN executions ON executions.seq = others.first ORDER BY executions.seq`
    const queues = await this.query(['executions'], sql)
    const oldest = await this.getAll(
      'executions',
      queues.map(({ id }) => id as string),
    )
    // A row that cannot be read is missing here: its queue counts all the same.
    const made = new Map(oldest.map(row => [row.id, row.created_at]))
    const groups = new Map<string, { runner_group: string; count: number; since: number }>()
    for (const { queue, n, id } of queues) {
      const { runner_group } = partsOfQueue(queue as string)
      const { count, since } = groups.get(runner_group) ?? { count: 0, since: this.now }
      const sum = { count: count + (n as number), since: Math.min(since, made.get(id as string) ?? since) }
      groups.set(runner_group, { runner_group, ...sum })
    }
    return [...groups.values()]
  }

  async countQueues(): ReturnType<Reader['countQueues']> {
    const sql = `SELECT queue, CAST(count(*) AS double precision) AS n FROM executions
      WHERE ${waiting} GROUP BY queue ORDER BY queue`
    const found = await this.query(['executions'], sql)
    return found.map(({ queue, n }) => ({ queue: queue as string, count: n as number }))
  }

  async countHeld(): ReturnType<Reader['countHeld']> {
    const sql = `SELECT runner_id, CAST(count(*) AS double precision) AS n
      FROM executions /* INDEXED BY executions_held */
      WHERE state IN ('reserved', 'running', 'aborting') AND runner_id IS NOT NULL GROUP BY runner_id`
    const found = await this.query(['executions'], sql)
    return new Map(found.map(({ runner_id, n }) => [runner_id as string, n as number]))
  }

  async queuedByNamespace(): ReturnType<Reader['queuedByNamespace']> {
    // Ids begin with the time at which they were made.
    const sql = `SELECT namespace, CAST(count(*) AS double precision) AS n, min(id) AS first FROM executions
      WHERE state = 'queued' GROUP BY namespace ORDER BY namespace`
    const found = await this.query(['executions'], sql)
    return found.map(({ namespace, n, first }) => ({
      namespace: (namespace as string | null) ?? defaultNamespace,
      count: n as number,
      since: Number.parseInt((first as string).replace('-', '').slice(0, 12), 16) || this.now,
    }))
  }
}
