import type { ChainEnd } from '../../protocol/messages/audit.ts'
import type { Commit, LogChanges, LogWrite, Query, RowsToPut, StoreEngine, Transaction } from '../engine.ts'
import { auditEndsKey, idempotencyId } from '../keys.ts'
import { decode, type Encoded, encode } from '../row-encoding.ts'
import type { WriteOptions } from '../store.ts'
import { columnsOf, type Rows, type TableName } from '../tables.ts'
import type { SqlRow } from '../values.ts'
import { ChangeList, newestChange } from './change-list.ts'
import { headsWithDefinitions, queuesWaiting } from './queue-cache.ts'
import type { RowCache } from './row-cache.ts'

/**
 * The transaction of a batch: the rows that its writers have put go to the database in bulk when it is
 * committed, or when a statement has to see them.
 */
export class Batch {
  #now = 0
  readonly watched: number
  /** The rows as they are in this transaction. */
  readonly rows: RowCache
  readonly #logs: LogChanges = { writes: [], drops: [], syncs: new Set() }
  readonly #written: LogWrite[] = []
  readonly #engine: StoreEngine
  readonly #transaction: Transaction
  readonly #unwritten = new Map<TableName, Map<string, Encoded>>()
  #durable = false
  /** The end of the audit log, where this batch has put entries. */
  auditEnd: ChainEnd | undefined
  /** The changes of its writers. */
  readonly changes = new ChangeList()
  #error: unknown

  constructor(engine: StoreEngine, transaction: Transaction, rows: RowCache, watched: number) {
    this.rows = rows
    this.watched = watched
    this.#engine = engine
    this.#transaction = transaction
  }

  get now(): number {
    return this.#now
  }

  /**
   * The first error of a statement. A batch with an error cannot be committed, even where a writer has caught
   * the error.
   */
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

  /** Sends rows to the database at once, in order with the other statements. */
  async upsert(rows: RowsToPut): Promise<void> {
    if (rows.size === 0) return
    try {
      await this.#transaction.put(rows)
    } catch (error) {
      this.#error ??= error
      throw error
    }
  }

  /** Makes the commit wait for the disk. */
  durably(): void {
    this.#durable = true
  }

  /** Reads the rows of all hints when the transaction has begun, in one round trip at most. */
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
    const held = [...new Set(hints.flatMap(({ held = [] }) => held))].filter(id => !this.rows.leases.of(id))
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
    // A row that cannot be read fails the writer that asks for it, not the batch.
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

  /** The ids of which nothing is known yet. */
  #unknown(table: TableName, wanted: readonly string[]): string[] {
    return [...new Set(wanted)].filter(id => !this.rows.has(table, id))
  }

  async #load(table: TableName, ids: readonly string[]): Promise<void> {
    const sql = `SELECT ${columnsOf[table]} FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1))`
    this.learn(table, await this.query(sql, JSON.stringify(ids)))
    for (const id of this.#unknown(table, ids)) this.rows.learn(table, id, undefined)
  }

  /**
   * Runs a statement that has to see the rows that were put: the batch may read again for writers that its
   * first writers have woken.
   */
  async #search(...statement: Parameters<Query>): Promise<SqlRow[]> {
    const [, answers] = await Promise.all([this.write(), this.query(...statement)])
    return answers
  }

  #knowsGroupOf(runnerId: string): boolean {
    const { said, set } = this.rows.get('runners', runnerId) ?? {}
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
    this.rows.leases.learn(
      runnerIds,
      this.learn('executions', await this.#search(sql, JSON.stringify(runnerIds))),
    )
  }

  /** Reads the names of the queues, and the heads of each, as far as they are not known. */
  #loadQueued(limit: number): Promise<void>[] {
    const { queues, count } = this.rows.queues.unread(limit)
    const loads = queues.map(queue => this.#loadHeads(queue, count))
    if (!this.rows.queues.areKnown) loads.push(this.#loadNames())
    return loads
  }

  async #loadNames(): Promise<void> {
    const found = await this.#search(queuesWaiting)
    this.rows.queues.learnNames(found.map(({ queue }) => queue as string))
  }

  async #loadHeads(queue: string, limit: number): Promise<void> {
    const heads = await this.#search(headsWithDefinitions, queue, limit)
    this.rows.queues.learn(queue, this.learn('executions', heads), heads.length < limit)
    const small = heads.filter(({ definition }) => definition !== null)
    this.learn(
      'definitions',
      small.map(({ grp, definition }) => ({ id: grp!, body: definition! })),
    )
  }

  /** A row by its id. */
  async get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined> {
    if (!this.rows.has(table, id)) await this.loadAll(table, [id])
    return this.rows.get(table, id)
  }

  /** The rows of an answer. A row that this batch knows already is given as the batch knows it. */
  learn<T extends TableName>(table: T, answers: readonly SqlRow[]): Rows[T][] {
    return answers.map(answer => {
      const id = answer.id as string
      const known = this.rows.get(table, id)
      if (known !== undefined) return known
      const row = decode(table, answer)
      this.rows.learn(table, id, row, (answer.body as string).length)
      return row
    })
  }

  /** Takes over a row that a writer has put; `written`: the database has it already. */
  put(table: TableName, encoded: Encoded, written: boolean): void {
    if (written) return
    const unwritten = this.#unwritten.get(table) ?? new Map<string, Encoded>()
    this.#unwritten.set(table, unwritten)
    unwritten.set(encoded.id as string, encoded)
  }

  /**
   * Takes over the log bytes of a writer: the changes that are left for the commit, and all bytes that the
   * writer has put.
   */
  putLogs({ writes, drops, syncs }: LogChanges, written: readonly LogWrite[]): void {
    this.#logs.writes.push(...writes)
    this.#logs.drops.push(...drops)
    for (const id of syncs) this.#logs.syncs.add(id)
    this.#written.push(...written)
  }

  /** All bytes that have been put in this batch, in their order. */
  get written(): readonly LogWrite[] {
    return this.#written
  }

  /** Sends the rows that were put into these tables, or into all. */
  async write(names: Iterable<TableName> = [...this.#unwritten.keys()]): Promise<void> {
    const all = new Map<TableName, Encoded[]>()
    for (const name of names) {
      const rows = this.#unwritten.get(name)
      if (rows === undefined) continue
      this.#unwritten.delete(name)
      all.set(name, [...rows.values()])
    }
    await this.upsert(all)
  }

  /** Resolves when another transaction may begin. */
  async commit(): Promise<Commit> {
    if (this.#error !== undefined) throw this.#error
    await this.#engine.logs.flush(this.query, this.#logs)
    if (this.auditEnd !== undefined) {
      const row = { key: auditEndsKey, value: JSON.stringify(this.auditEnd) }
      this.put('meta', encode('meta', row, this.watched), false)
      this.rows.learn('meta', auditEndsKey, row)
      this.rows.auditEnd = this.auditEnd
    }
    if (this.changes.size > 0) await this.#putChanges()
    return this.#transaction.commit(this.#durable, this.write())
  }

  async #putChanges(): Promise<void> {
    const before = this.rows.changeEnd ?? Number((await this.query(newestChange))[0]?.id ?? 0)
    const row = this.changes.rowAfter(before, this.#now, this.watched)
    // Nobody reads changes by their numbers: so no cache takes them.
    this.put('changes', encode('changes', row, this.watched), false)
    this.rows.changeEnd = row.number
  }

  rollback(): Promise<void> {
    return this.#transaction.rollback()
  }

  get logBytes(): StoreEngine['logs'] {
    return this.#engine.logs
  }
}
