import { executionStates } from '../../protocol/states.ts'
import type { Access } from './access.ts'
import { StoreFailure } from './failure.ts'
import { queuesIn, waiting } from './queues.ts'
import type {
  DefinitionRow,
  ExecutionFilter,
  ExecutionRow,
  GroupRow,
  IdempotencyRow,
  JobRow,
  LogRow,
  Page,
  Reader,
  RunnerRow,
  TokenRow,
  Unreadable,
} from './store.ts'
import { idempotencyId } from './tables.ts'

type Param = string | number | null

/** The questions that can be asked, as SQL. */
export class SqlReader<A extends Access = Access> implements Reader {
  readonly now: number
  readonly watched: number
  protected readonly access: A

  constructor(access: A) {
    this.access = access
    this.now = access.now
    this.watched = access.watched
  }

  execution(id: string): Promise<ExecutionRow | undefined> {
    return this.access.get('executions', id)
  }

  listExecutions<T = never>(
    { id, states, job_name, group, runner_id }: ExecutionFilter,
    page: Page,
    unreadable?: Unreadable<T>,
  ): Promise<(ExecutionRow | T)[]> {
    const params: Param[] = [page.limit]
    const conditions: string[] = []
    const equals = (column: string, value: string | undefined) => {
      if (value !== undefined) conditions.push(`${column} = $${params.push(value)}`)
    }
    equals('id', id)
    equals('job_name', job_name)
    equals('grp', group)
    equals('runner_id', runner_id)
    if (page.after !== undefined)
      conditions.push(`seq < (SELECT seq FROM executions WHERE id = $${params.push(page.after)})`)
    const latest = (more: string[]) =>
      `WHERE ${['true', ...conditions, ...more].join(' AND ')} ORDER BY executions.seq DESC LIMIT $1`
    if (states === undefined) return this.access.list('executions', unreadable, latest([]), ...params)
    // Each state by itself, so that its index gives the latest without sorting all of it.
    const known = executionStates.filter(state => states.includes(state))
    if (known.length === 0) return Promise.resolve([])
    const each = known.map(
      state => `SELECT * FROM (SELECT seq FROM executions ${latest([`state = '${state}'`])}) AS s`,
    )
    const rest = `WHERE seq IN (${each.join(' UNION ALL ')}) ORDER BY executions.seq DESC LIMIT $1`
    return this.access.list('executions', unreadable, rest, ...params)
  }

  async heldBy(runnerIds: readonly string[]): Promise<ExecutionRow[]> {
    if (runnerIds.length === 0) return []
    const rest = `/* INDEXED BY executions_held */ WHERE state IN ('reserved', 'running', 'aborting')
      AND runner_id IN (SELECT value FROM TEXTS($1))`
    const held =
      this.access.held(runnerIds) ?? (await this.access.select('executions', rest, JSON.stringify(runnerIds)))
    return held.toSorted((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1))
  }

  async hasActive(jobName: string): Promise<boolean> {
    const sql = 'SELECT id FROM executions WHERE job_name = $1 AND ended_at IS NULL LIMIT 1'
    return (await this.access.query(['executions'], sql, jobName)).length > 0
  }

  async countBefore({ id, runner_group, priority }: ExecutionRow, limit: number): Promise<number> {
    // A queue begins with its runner group and a space, behind which `!` is the next character.
    // A queue at a time, in its order by the index: so no more is read than is counted.
    const before = (first: string) =>
      `SELECT 1 FROM found CROSS JOIN executions WHERE ${waiting} AND executions.queue = found.queue AND ${first}`
    const sql = `${queuesIn('queue >= $1', 'queue < $2')} SELECT CAST(count(*) AS integer) AS n FROM (
      ${before('priority > $3')} UNION ALL
      ${before('priority = $3 AND seq < (SELECT seq FROM executions AS self WHERE self.id = $4)')}
      LIMIT $5) AS others`
    const [counted] = await this.access.query(
      ['executions'],
      sql,
      `${runner_group} `,
      `${runner_group}!`,
      priority,
      id,
      limit,
    )
    return counted!.n as number
  }

  async countExecutions(): ReturnType<Reader['countExecutions']> {
    const sql = 'SELECT state, CAST(count(*) AS double precision) AS n FROM executions GROUP BY state'
    const counts = await this.access.query(['executions'], sql)
    return Object.fromEntries(counts.map(({ state, n }) => [state, n]))
  }

  async waiting(): ReturnType<Reader['waiting']> {
    // For each queue, of which few groups have more than a handful.
    const sql = `SELECT others.n AS n, executions.id AS id FROM (
        SELECT CAST(count(*) AS double precision) AS n, min(seq) AS first FROM executions
        WHERE state = 'queued' AND kind <> 'script' GROUP BY queue
      ) AS others JOIN executions ON executions.seq = others.first ORDER BY executions.seq`
    const queues = await this.access.query(['executions'], sql)
    const counts = new Map(queues.map(({ id, n }) => [id as string, n as number]))
    const groups = new Map<string, { runner_group: string; count: number; since: number }>()
    for (const row of await this.access.getAll('executions', [...counts.keys()])) {
      const { count, since } = groups.get(row.runner_group) ?? { count: 0, since: row.created_at }
      const sum = { count: count + (counts.get(row.id) ?? 0), since: Math.min(since, row.created_at) }
      groups.set(row.runner_group, { runner_group: row.runner_group, ...sum })
    }
    return [...groups.values()]
  }

  definition(group: string): Promise<DefinitionRow | undefined> {
    return this.access.get('definitions', group)
  }

  async definitions(groups: readonly string[]): Promise<Map<string, DefinitionRow>> {
    let rows: (DefinitionRow | undefined)[]
    try {
      rows = await this.access.getAll('definitions', groups)
    } catch (error) {
      unlessDamaged(error)
      rows = await Promise.all(groups.map(group => this.definition(group).catch(unlessDamaged)))
    }
    return new Map(rows.flatMap(row => (row === undefined ? [] : [[row.group, row]])))
  }

  async output(executionId: string): Promise<string | undefined> {
    return (await this.access.get('outputs', executionId))?.sealed
  }

  job(name: string): Promise<JobRow | undefined> {
    return this.access.get('jobs', name)
  }

  listJobs<T = never>(unreadable?: Unreadable<T>): Promise<(JobRow | T)[]> {
    return this.access.list('jobs', unreadable, 'ORDER BY id')
  }

  runner(id: string): Promise<RunnerRow | undefined> {
    return this.access.get('runners', id)
  }

  runners(ids: readonly string[]): Promise<RunnerRow[]> {
    return this.access.getAll('runners', ids)
  }

  listRunners<T = never>(page: Page, unreadable?: Unreadable<T>): Promise<(RunnerRow | T)[]> {
    return this.#oldestFirst('runners', unreadable, page)
  }

  runnersOf(group: string): Promise<RunnerRow[]> {
    return this.access.select(
      'runners',
      'WHERE said_group = $1 OR set_group = $1 ORDER BY runners.seq',
      group,
    )
  }

  group(name: string): Promise<GroupRow | undefined> {
    return this.access.get('groups', name)
  }

  listGroups<T = never>({ limit, after }: Page, unreadable?: Unreadable<T>): Promise<(GroupRow | T)[]> {
    return after === undefined
      ? this.access.list('groups', unreadable, 'ORDER BY id LIMIT $1', limit)
      : this.access.list('groups', unreadable, 'WHERE id > $2 ORDER BY id LIMIT $1', limit, after)
  }

  async tokenByHash(hash: string): Promise<TokenRow | undefined> {
    return (await this.access.select('tokens', 'WHERE hash = $1', hash))[0]
  }

  token(id: string): Promise<TokenRow | undefined> {
    return this.access.get('tokens', id)
  }

  listTokens<T = never>(page: Page, unreadable?: Unreadable<T>): Promise<(TokenRow | T)[]> {
    return this.#oldestFirst('tokens', unreadable, page, "kind <> 'runner'")
  }

  log(executionId: string): Promise<LogRow | undefined> {
    return this.access.get('logs', executionId)
  }

  readLog(executionId: string, offset: number, length: number): Promise<Buffer> {
    return this.access.readLog(executionId, offset, length)
  }

  idempotency(tokenId: string, key: string): Promise<IdempotencyRow | undefined> {
    return this.access.get('idempotency', idempotencyId(tokenId, key))
  }

  async meta(key: string): Promise<string | undefined> {
    return (await this.access.get('meta', key))?.value
  }

  #oldestFirst<T extends 'runners' | 'tokens', U>(
    table: T,
    unreadable: Unreadable<U> | undefined,
    { limit, after }: Page,
    condition = 'true',
  ) {
    const behind = after === undefined ? '' : `AND seq > (SELECT seq FROM ${table} WHERE id = $2)`
    const rest = `WHERE ${condition} ${behind} ORDER BY ${table}.seq LIMIT $1`
    return this.access.list(table, unreadable, rest, limit, ...(after === undefined ? [] : [after]))
  }
}

function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof StoreFailure) || error.reason !== 'damaged') throw error
}
