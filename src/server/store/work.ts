import type { Answer, Commit, Engine, LogChanges, LogWrite, Query, Transaction } from './engine.ts'
import { headsWithDefinitions, queuesWaiting } from './queues.ts'
import type { Recent } from './recent.ts'
import type { ExecutionRow, WriteOptions } from './store.ts'
import {
  columnsOf,
  decode,
  type Encoded,
  idempotencyId,
  type Rows,
  type TableName,
  tableNames,
} from './tables.ts'

type Known = { [T in TableName]: Map<string, Rows[T] | undefined> }

/**
 * The transaction of a batch: what its writers have read and put so far, which goes to the database in bulk when it
 * is committed, or when a statement has to see it.
 */
export class Work {
  #now = 0
  readonly watched: number
  readonly logs: LogChanges = { writes: [], drops: [], syncs: new Set() }
  /** Whether the commit waits for the disk. */
  durable = false
  /** All bytes that have been put, to be seen by those who read them. */
  readonly written: LogWrite[] = []
  /** What is known from before, and what the next batch will know. */
  readonly recent: Recent
  readonly #engine: Engine
  readonly #transaction: Transaction
  readonly #known = Object.fromEntries(tableNames.map(name => [name, new Map()])) as unknown as Known
  readonly #unwritten = new Map<TableName, Map<string, Encoded>>()
  #error: unknown

  constructor(engine: Engine, transaction: Transaction, recent: Recent, watched: number) {
    this.recent = recent
    this.watched = watched
    this.#engine = engine
    this.#transaction = transaction
  }

  get now(): number {
    return this.#now
  }

  /** The first error of a statement: then nothing of this can be kept, whatever the writers have made of it. */
  get error(): unknown {
    return this.#error
  }

  readonly query: Query = async (sql, ...params) => {
    try {
      return await this.#transaction.query(sql, ...params)
    } catch (error) {
      this.#error ??= error
      throw error
    }
  }

  /** Puts rows in the order of statements, now. */
  async upsert(table: TableName, rows: readonly Encoded[]): Promise<void> {
    if (rows.length === 0) return
    try {
      await this.#transaction.put(table, rows)
    } catch (error) {
      this.#error ??= error
      throw error
    }
  }

  /** Reads what writers will ask for, once the transaction has begun: one round trip at most. */
  async begin(hints: readonly WriteOptions[]): Promise<void> {
    const wanted: [TableName, string[]][] = [
      ['executions', hints.flatMap(({ executions = [] }) => executions)],
      ['runners', hints.flatMap(({ runners = [] }) => runners)],
      ['definitions', hints.flatMap(({ definitions = [] }) => definitions)],
      ['logs', hints.flatMap(({ logs = [] }) => logs)],
      ['jobs', hints.flatMap(({ jobs = [] }) => jobs)],
      ['groups', hints.flatMap(({ groups = [] }) => groups)],
      [
        'idempotency',
        hints.flatMap(({ idempotency = [] }) =>
          idempotency.map(({ token_id, key }) => idempotencyId(token_id, key)),
        ),
      ],
    ]
    const held = [...new Set(hints.flatMap(({ held = [] }) => held))].filter(id => !this.recent.held.of(id))
    const loads = wanted.flatMap(([table, ids]) => {
      const unknown = this.#unknown(table, ids)
      return unknown.length === 0 ? [] : this.#load(table, unknown)
    })
    if (held.length > 0) loads.push(this.#loadHeld(held))
    const groupsOf = hints.flatMap(({ groupsOf = [] }) => groupsOf).filter(id => !this.#knowsGroupOf(id))
    if (groupsOf.length > 0) loads.push(this.#loadGroupsOf([...new Set(groupsOf)]))
    const heads = Math.max(0, ...hints.map(({ heads = 0 }) => heads))
    if (heads > 0) loads.push(...this.#loadQueued(heads))
    const { begun, likelyNow } = this.#transaction
    if (loads.length === 0 && likelyNow !== undefined) {
      this.#now = likelyNow
      return
    }
    // A row that cannot be read is the failure of the writer that asks for it, not of those beside it.
    await Promise.allSettled([begun, ...loads])
    const now = await begun
    if (this.#error !== undefined) throw this.#error
    this.#now = now
  }

  /** Reads rows that are not known yet. */
  async loadAll(table: TableName, wanted: readonly string[]): Promise<void> {
    const ids = this.#unknown(table, wanted)
    if (ids.length > 0) await this.#load(table, ids)
  }

  /** Those of which nothing is known yet. */
  #unknown(table: TableName, wanted: readonly string[]): string[] {
    return [...new Set(wanted)].filter(id => !this.#known[table].has(id) && !this.#recall(table, id))
  }

  /** Takes over what is known from before this batch. */
  #recall<T extends TableName>(table: T, id: string): boolean {
    if (!this.recent.has(table, id)) return false
    this.#known[table].set(id, this.recent.get(table, id))
    return true
  }

  async #load(table: TableName, ids: readonly string[]): Promise<void> {
    const sql = `SELECT ${columnsOf[table]} FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1))`
    this.learn(table, await this.query(sql, JSON.stringify(ids)))
    for (const id of ids) {
      if (this.#known[table].has(id)) continue
      this.#known[table].set(id, undefined)
      this.recent.learn(table, id, undefined)
    }
  }

  /** A statement that has to see what has been put: those whom the first writers of a batch wake ask it too. */
  async #search(...statement: Parameters<Query>): Promise<Answer[]> {
    const [, answers] = await Promise.all([this.write(), this.query(...statement)])
    return answers
  }

  #knowsGroupOf(runnerId: string): boolean {
    const { said, set } = this.#known.runners.get(runnerId) ?? {}
    const group = set?.runner_group ?? said?.runner_group
    return group !== undefined && this.#unknown('groups', [group]).length === 0
  }

  async #loadGroupsOf(runnerIds: string[]): Promise<void> {
    const sql = `SELECT ${columnsOf.groups} FROM groups WHERE id IN (
      SELECT coalesce(set_group, said_group) FROM runners WHERE id IN (SELECT value FROM TEXTS($1)))`
    this.learn('groups', await this.#search(sql, JSON.stringify(runnerIds)))
  }

  async #loadHeld(runnerIds: string[]): Promise<void> {
    const sql = `SELECT ${columnsOf.executions} FROM executions /* INDEXED BY executions_held */
      WHERE state IN ('reserved', 'running', 'aborting') AND runner_id IN (SELECT value FROM TEXTS($1))`
    this.recent.held.learn(
      runnerIds,
      this.learn('executions', await this.#search(sql, JSON.stringify(runnerIds))),
    )
  }

  /** Reads which queues there are, and what waits first in them, as far as it is not known. */
  #loadQueued(limit: number): Promise<void>[] {
    const { queues, count } = this.recent.queues.unread(limit)
    const loads = queues.map(queue => this.#loadHeads(queue, count))
    if (!this.recent.queues.areKnown) loads.push(this.#loadNames())
    return loads
  }

  async #loadNames(): Promise<void> {
    const found = await this.#search(queuesWaiting)
    this.recent.queues.learnNames(found.map(({ queue }) => queue as string))
  }

  async #loadHeads(queue: string, limit: number): Promise<void> {
    const heads = await this.#search(headsWithDefinitions, queue, limit)
    this.recent.queues.learn(queue, this.learn('executions', heads), heads.length < limit)
    const small = heads.filter(({ definition }) => definition !== null)
    this.learn(
      'definitions',
      small.map(({ grp, definition }) => ({ id: grp!, body: definition! })),
    )
  }

  /** Executions that are remembered beside the tables: as they are now. */
  know(rows: readonly ExecutionRow[]): void {
    for (const row of rows) this.#known.executions.set(row.id, row)
  }

  /** A row by its id. */
  async get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined> {
    const known = this.#known[table]
    if (!known.has(id)) await this.loadAll(table, [id])
    return known.get(id)
  }

  /** The rows of an answer, as they are here. */
  learn<T extends TableName>(table: T, answers: readonly Answer[]): Rows[T][] {
    const known = this.#known[table]
    return answers.map(answer => {
      const id = answer.id as string
      let row = known.get(id) ?? this.recent.get(table, id)
      if (row === undefined) {
        row = decode(table, answer)
        this.recent.learn(table, id, row, (answer.body as string).length)
      }
      known.set(id, row)
      return row
    })
  }

  /** A row as it is known without asking, if it is. */
  latest<T extends TableName>(table: T, id: string): Rows[T] | undefined {
    const known = this.#known[table]
    return known.has(id) ? known.get(id) : this.recent.get(table, id)
  }

  /** Takes over what a writer has put; `before`: as it was; `written`: the database has it already. */
  put<T extends TableName>(
    table: T,
    row: Rows[T],
    { encoded, before, written }: { encoded: Encoded; before: Rows[T] | undefined; written: boolean },
  ): void {
    const id = encoded.id as string
    this.#known[table].set(id, row)
    this.recent.put(table, id, row, before, (encoded.body as string).length)
    if (written) return
    const unwritten = this.#unwritten.get(table) ?? new Map<string, Encoded>()
    this.#unwritten.set(table, unwritten)
    unwritten.set(id, encoded)
  }

  /** Writes what has been put into these tables, or into all. */
  async write(names: Iterable<TableName> = [...this.#unwritten.keys()]): Promise<void> {
    const writes: Promise<unknown>[] = []
    for (const name of names) {
      const rows = this.#unwritten.get(name)
      if (rows === undefined) continue
      this.#unwritten.delete(name)
      writes.push(this.upsert(name, [...rows.values()]))
    }
    await Promise.all(writes)
  }

  /**
   * Forgets these tables, or all, or these rows of them, which neither wait in a queue nor are held by a runner: the
   * database has changed by itself. All that was put must have been written.
   */
  forget(names: readonly TableName[] = tableNames, ids?: readonly string[]): void {
    if (ids === undefined) {
      for (const name of names) this.#known[name].clear()
      this.recent.clear(names)
      return
    }
    for (const name of names)
      for (const id of ids) {
        this.#known[name].delete(id)
        this.recent.forget(name, id)
      }
  }

  /** Resolves when another transaction may begin. */
  async commit(): Promise<Commit> {
    if (this.#error !== undefined) throw this.#error
    await this.#engine.logs.flush(this.query, this.logs)
    return this.#transaction.commit(this.durable, this.write())
  }

  rollback(): Promise<void> {
    return this.#transaction.rollback()
  }

  get logBytes(): Engine['logs'] {
    return this.#engine.logs
  }
}
